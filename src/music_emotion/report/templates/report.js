"use strict";
// Sorting: a click on a heading sorts the rows by it; empty cells stay last either way.
for (const table of document.querySelectorAll("table.sortable")) {
  const headings = [...table.tHead.rows[0].cells];
  headings.forEach((heading, column) => {
    heading.firstElementChild.addEventListener("click", () => {
      const body = table.tBodies[0];
      const rows = [...body.rows];
      const orders = rows.map((row) => row.cells[column].dataset.order);
      const numeric = orders.every((order) => order === undefined || !Number.isNaN(Number(order)));
      const before = heading.getAttribute("aria-sort");
      const rising = before ? before === "descending" : !numeric;
      const sorted = rows.map((row, index) => [row, orders[index]]).sort(([, a], [, b]) => {
        if (a === undefined || b === undefined) return (a === undefined) - (b === undefined);
        const difference = numeric ? a - b : a.localeCompare(b);
        return rising ? difference : -difference;
      });
      body.append(...sorted.map(([row]) => row));
      headings.forEach((other) => other.removeAttribute("aria-sort"));
      heading.setAttribute("aria-sort", rising ? "ascending" : "descending");
    });
  });
}
// One excerpt plays at a time.
let playing = null;
function stop() {
  if (!playing) return;
  playing.sound.pause();
  playing.sound.currentTime = 0;
  playing.button.textContent = "▶";
  playing.button.setAttribute("aria-pressed", "false");
  playing = null;
}
for (const button of document.querySelectorAll("button.play")) {
  button.addEventListener("click", () => {
    const again = playing && playing.button === button;
    stop();
    if (again) return;
    const sound = document.getElementById("clip-" + button.dataset.clip);
    playing = { sound, button };
    button.textContent = "■";
    button.setAttribute("aria-pressed", "true");
    sound.onended = stop;
    sound.play();
  });
}
// On paper everything is open.
addEventListener("beforeprint", () => {
  for (const part of document.querySelectorAll("details:not([open])")) {
    part.open = true;
    part.dataset.opened = "";
  }
});
addEventListener("afterprint", () => {
  for (const part of document.querySelectorAll("details[data-opened]")) {
    part.open = false;
    delete part.dataset.opened;
  }
});
