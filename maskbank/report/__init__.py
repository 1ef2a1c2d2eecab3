"""Reports: tables, figures and the HTML page, all views of the records."""
