"""Reports: the journal is the truth; report.json, junit.xml, the page and the console are drawn from it."""
