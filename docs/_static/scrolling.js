// What is wider than its place can be scrolled by keys, too: it takes focus then, and only then.
document.addEventListener("DOMContentLoaded", () => {
  const observer = new ResizeObserver((seen) => {
    for (const { target } of seen) {
      const scrolls = target.scrollWidth > target.clientWidth;
      if (scrolls) target.tabIndex = 0;
      else target.removeAttribute("tabindex");
      if (target.tagName === "PRE") continue;
      for (const [name, value] of [["role", "region"], ["aria-label", "Table"]]) {
        if (scrolls) target.setAttribute(name, value);
        else target.removeAttribute(name);
      }
    }
  });
  for (const part of document.querySelectorAll("pre, .table-wrapper")) observer.observe(part);
});
