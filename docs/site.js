// What a keyboard and a screen reader need, and the theme does not say, or takes back.
const mend = () => {
  document.querySelector(".md-search")?.setAttribute("aria-label", "Search");
  document.querySelectorAll("pre > code:not([tabindex])").forEach((code) => { code.tabIndex = 0; });
  document.querySelectorAll(".md-code__nav:not([aria-label])").forEach((nav) => {
    nav.setAttribute("aria-label", `Code ${(mend.count = (mend.count || 0) + 1)}`);
  });
};
new MutationObserver(mend).observe(document.body, {
  childList: true, subtree: true, attributeFilter: ["tabindex"],
});
mend();
