"""Pages in Markdown: `<page>.md` is a template, and `data(run)` in `<page>.py` prepares what it shows."""
