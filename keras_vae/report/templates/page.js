// The script of every page: light and dark theme, sortable tables, faded edges of what scrolls sideways, cards of runs, videos that play while visible.
"use strict";

{
  const root = document.documentElement;
  const button = document.getElementById("theme");
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const isDark = () => (root.dataset.theme ? root.dataset.theme === "dark" : dark.matches);
  const show = () => {
    button.textContent = isDark() ? "Light" : "Dark";
    document.dispatchEvent(new Event("themechange"));
  };
  button.addEventListener("click", () => {
    root.dataset.theme = isDark() ? "light" : "dark";
    show();
  });
  dark.addEventListener("change", show);
  show();
}

for (const table of document.querySelectorAll("table.sortable")) {
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, column) => {
    const button = head.querySelector("button");
    button?.addEventListener("click", () => {
      const ascending = head.getAttribute("aria-sort") !== "ascending";
      for (const other of heads) other.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", ascending ? "ascending" : "descending");
      const key = (row) => row.cells[column].dataset.value ?? row.cells[column].textContent.trim();
      const rows = [...table.tBodies[0].rows];
      rows.sort((a, b) => {
        const [x, y] = [key(a), key(b)];
        if (x === "" || y === "") return x === y ? 0 : x === "" ? 1 : -1; // missing values last in either order
        const numbers = !Number.isNaN(Number(x)) && !Number.isNaN(Number(y));
        const order = numbers ? Number(x) - Number(y) : x.localeCompare(y, "en", { numeric: true });
        return ascending ? order : -order;
      });
      table.tBodies[0].append(...rows);
    });
  });
}

// A table or figure that is wider than the page fades out on each side on which it goes on.
for (const box of document.querySelectorAll(".scroll, .card, pre.wide")) {
  const mark = () => {
    const end = box.scrollWidth - box.clientWidth;
    box.classList.toggle("more-left", box.scrollLeft > 1);
    box.classList.toggle("more-right", box.scrollLeft < end - 1);
  };
  box.addEventListener("scroll", mark, { passive: true });
  const observer = new ResizeObserver(mark);
  for (const element of [box, ...box.children]) observer.observe(element);
}

// The card of a run in the rate–distortion plane: its name, numbers and samples, beside its mark.
{
  const card = document.getElementById("run-card");
  const [picture, name, text] = card ? card.children : [];
  const hide = () => { card.hidden = true; };
  const show = (run) => {
    const mark = run.querySelector(".mark").getBoundingClientRect();
    // A picture that is drawn in the plane is not stored a second time.
    const drawn = [...run.parentNode.querySelectorAll("image")].find((image) => image.dataset.of === run.dataset.index);
    const source = run.dataset.picture ?? drawn?.getAttribute("href");
    picture.hidden = !source;
    if (source) picture.src = source;
    picture.classList.toggle("grey", "grey" in run.dataset);
    name.textContent = run.dataset.name;
    text.textContent = run.dataset.text;
    card.hidden = false;
    const { width, height } = card.getBoundingClientRect();
    const right = mark.right + 10;
    card.style.left = `${right + width < innerWidth ? right : Math.max(4, mark.left - 10 - width)}px`;
    card.style.top = `${Math.min(Math.max(4, mark.top - height / 2), Math.max(4, innerHeight - height - 4))}px`;
  };
  for (const run of document.querySelectorAll(".rate-distortion .run")) {
    run.querySelector("title").remove(); // the card replaces it
    run.addEventListener("pointerenter", () => show(run));
    run.addEventListener("focus", () => show(run));
    for (const type of ["pointerleave", "blur"]) run.addEventListener(type, hide);
  }
  if (card) addEventListener("scroll", hide, { passive: true });
}

if (!matchMedia("(prefers-reduced-motion: reduce)").matches) {
  const observer = new IntersectionObserver((entries) => {
    for (const { target, isIntersecting } of entries) {
      if (isIntersecting) target.play().catch(() => {}); // where autoplay is blocked, the controls remain
      else target.pause();
    }
  }, { threshold: 0.3 });
  for (const video of document.querySelectorAll("video")) observer.observe(video);
}
