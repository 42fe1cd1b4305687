"use strict";
(() => {
  const figures = JSON.parse(document.getElementById("figures").textContent);
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const boxes = [...document.querySelectorAll("[data-figure]")];

  // The page's colours, which follow the reader's preference, for the plots; on paper they are those of daylight.
  const PAPER = { "--ink": "#1c2430", "--line": "#dde2e8", "--card": "#ffffff" };
  const PAPER_PX = 690; // the width of A4 between its margins
  let onPaper = false;
  function template() {
    const style = getComputedStyle(document.documentElement);
    const colour = (name) => (onPaper ? PAPER[name] : style.getPropertyValue(name).trim());
    const axis = {
      gridcolor: colour("--line"), linecolor: colour("--line"), zerolinecolor: colour("--line"), automargin: true,
      exponentformat: "e", minexponent: 4,
    };
    return {
      layout: {
        paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
        font: { color: colour("--ink"), family: getComputedStyle(document.body).fontFamily, size: 12 },
        margin: { l: 50, r: 16, t: 34, b: 40 }, hovermode: "closest",
        hoverlabel: { bgcolor: colour("--card"), bordercolor: colour("--line"), font: { color: colour("--ink") } },
        xaxis: axis, yaxis: axis, scene: { xaxis: axis, yaxis: axis, zaxis: axis },
      },
    };
  }

  // What is wider than paper is drawn as wide as it needs to be, and then made smaller.
  function size(box) {
    box.style.zoom = "";
    if (!onPaper) return { autosize: true };
    const columns = box.closest(".grid") ? 2 : 1;
    const there = PAPER_PX / columns - 10;
    const width = Math.max(there, parseInt(box.style.minWidth || "0", 10));
    box.style.zoom = String(there / width);
    return { autosize: false, width, height: parseInt(box.style.height, 10) };
  }

  function drawFigure(box, figure) {
    const dragmode = window.innerWidth < 600 ? false : "zoom"; // on a phone a finger scrolls
    const layout = { ...figure.layout, template: template(), dragmode, ...size(box) };
    const config = { responsive: !onPaper, displaylogo: false, displayModeBar: false };
    return Plotly.react(box, figure.data, layout, config);
  }
  window.drawFigure = drawFigure;

  function draw(box) {
    box.dataset.drawn = "";
    const done = drawFigure(box, figures[box.dataset.figure]).then(() => { box.dataset.drawn = "yes"; });
    if (!box.dataset.clickable) {
      box.dataset.clickable = "yes";
      box.on("plotly_click", ({ points }) => {
        const number = points[0].customdata;
        if (Number.isInteger(number) && window.openTrial) window.openTrial(number);
      });
    }
    return done;
  }

  // A plot is drawn when it comes near the window, so that a long page opens at once on a phone.
  const seen = new IntersectionObserver((entries) => {
    for (const entry of entries.filter((one) => one.isIntersecting)) {
      seen.unobserve(entry.target);
      draw(entry.target);
    }
  }, { rootMargin: "800px" });
  boxes.forEach((box) => seen.observe(box));
  const redraw = () => boxes.filter((box) => "drawn" in box.dataset).forEach(draw);
  dark.addEventListener("change", redraw);
  window.drawAll = () => Promise.all(boxes.map(draw));
  window.addEventListener("beforeprint", () => { onPaper = true; window.drawAll(); });
  window.addEventListener("afterprint", () => { onPaper = false; window.drawAll(); });

  function selectAndCopy(element) {
    const range = document.createRange();
    range.selectNodeContents(element);
    const selection = window.getSelection();
    selection.removeAllRanges();
    selection.addRange(range);
    const copied = document.execCommand("copy");
    if (copied) selection.removeAllRanges();
    return copied;
  }

  // A page opened as a file may not have the clipboard; then the old way, or at least the text selected.
  async function copy(button) {
    const element = document.getElementById(button.dataset.copies);
    let copied = false;
    try {
      await navigator.clipboard.writeText(element.textContent);
      copied = true;
    } catch {
      copied = selectAndCopy(element);
    }
    button.textContent = copied ? "Copied" : "Press Ctrl+C";
    setTimeout(() => { button.textContent = "Copy"; }, 2000);
  }
  document.querySelectorAll("[data-copies]").forEach((button) => button.addEventListener("click", () => copy(button)));
})();
