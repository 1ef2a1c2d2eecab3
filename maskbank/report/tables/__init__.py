from maskbank.report.words import number_range as number_range
from maskbank.report.words import points as points
