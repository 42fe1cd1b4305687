"use strict";
(() => {
  const figures = JSON.parse(document.getElementById("figures").textContent);
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const boxes = [...document.querySelectorAll("[data-figure]")];

  // The page's colours, which follow the reader's preference, for the plots.
  function template() {
    const style = getComputedStyle(document.documentElement);
    const colour = (name) => style.getPropertyValue(name).trim();
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

  function draw(box) {
    const figure = figures[box.dataset.figure];
    const dragmode = window.innerWidth < 600 ? false : "zoom"; // on a phone a finger scrolls
    const layout = { ...figure.layout, template: template(), autosize: true, dragmode };
    const config = { responsive: true, displaylogo: false, displayModeBar: false };
    box.dataset.drawn = "";
    return Plotly.react(box, figure.data, layout, config).then(() => { box.dataset.drawn = "yes"; });
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
  window.addEventListener("beforeprint", () => boxes.forEach(draw));

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
