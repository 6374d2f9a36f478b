// What happens when a page of figures and tables opens.

readyTables(document);
readyFigures(document);
document.documentElement.dataset.ready = "true";
