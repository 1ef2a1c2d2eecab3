from maskbank.report.table import number_range as number_range
from maskbank.report.table import points as points
