// The curves over time, tied to the month that is shown.

const MONTHS_A_YEAR = 12;

function curveData(curve) {
  const months = [...new Set(curve.arms.flatMap((arm) => (arm ? arm.months : [])))].sort((a, b) => a - b);
  const place = new Map(months.map((month, at) => [month, at]));
  const spread = (arm, values) => {
    const row = Array(months.length).fill(null);
    if (arm && values) arm.months.forEach((month, at) => (row[place.get(month)] = values[at]));
    return row;
  };
  const data = [months.map((month) => month / MONTHS_A_YEAR)];
  for (const arm of curve.arms) {
    data.push(spread(arm, arm && arm.mean), spread(arm, arm && arm.high), spread(arm, arm && arm.low));
  }
  return data;
}

function readable(value) {
  if (value === null || value === undefined) return "–";
  const size = Math.abs(value);
  const digits = size >= 100 || size === 0 ? 0 : size >= 10 ? 1 : size >= 1 ? 2 : 3;
  return value.toFixed(digits).replace("-", "−");
}

class Curves {
  constructor(curves, arms, onChoose) {
    this.charts = curves.map((curve) => this.makeChart(curve, arms, onChoose));
    new ResizeObserver(() => this.resize()).observe(document.getElementById("curves"));
    this.year = 0;
  }

  makeChart(curve, arms, onChoose) {
    const holder = document.getElementById(`curve-${curve.key}`);
    const data = curveData(curve);
    const series = [{}], bands = [];
    arms.forEach((arm, at) => {
      series.push({ label: arm.name, stroke: arm.colour, width: 2, dash: arm.dash, spanGaps: true, points: { show: false } });
      const limit = { stroke: "transparent", width: 0, spanGaps: true, points: { show: false } };
      series.push({ ...limit, label: `${arm.name}, high` }, { ...limit, label: `${arm.name}, low` });
      bands.push({ series: [3 * at + 2, 3 * at + 3], fill: `${arm.colour}2e` });
    });
    const font = "12px system-ui, sans-serif";
    const axis = { stroke: "#444", font, grid: { stroke: "#e6e6e6", width: 1 }, ticks: { stroke: "#bbb", size: 4 } };
    const options = {
      width: 300, height: 190, series, bands, legend: { show: false },
      scales: { x: { time: false }, y: { range: (u, low, high) => this.range(curve, low, high) } },
      axes: [{ ...axis, size: 34, label: "Years", labelSize: 16, labelFont: font, space: 42 },
             { ...axis, size: 50, space: 30, values: (u, ticks) => ticks.map((tick) => String(+tick.toPrecision(6)).replace("-", "−")) }],
      cursor: { y: false, points: { size: 6 }, drag: { x: false, y: false, click: () => {} } },
      hooks: {
        setCursor: [(u) => this.write(holder, curve, u)],
        ready: [(u) => u.over.addEventListener("click", () => onChoose(u.posToVal(u.cursor.left, "x") * MONTHS_A_YEAR))],
      },
      padding: [8, 12, 0, 0],
    };
    const chart = new uPlot(options, data, holder.querySelector(".plot"));
    chart.over.addEventListener("mouseleave", () => this.moveTo(this.year * MONTHS_A_YEAR));
    return chart;
  }

  range(curve, low, high) {
    if (low === null || high === null) return [0, 1];
    const margin = 0.06 * (high - low) || 0.05 * Math.abs(high) || 1;
    // What is given as it is starts at nothing, what is relative near its values.
    return curve.relative ? [low - margin, high + margin] : [0, high + margin];
  }

  write(holder, curve, u) {
    const at = u.cursor.idx;
    if (at === null || at === undefined) return;
    // What is measured now and then has its values at other months than the slider.
    holder.querySelector("[data-month]").textContent = `month ${+(u.data[0][at] * MONTHS_A_YEAR).toFixed(2)}`;
    holder.querySelectorAll("[data-arm]").forEach((place) => {
      place.textContent = readable(u.data[3 * Number(place.dataset.arm) + 1][at]);
    });
  }

  moveTo(month) {
    this.year = month / MONTHS_A_YEAR;
    for (const chart of this.charts) chart.setCursor({ left: chart.valToPos(this.year, "x"), top: 10 }, true);
  }

  // On paper charts have other widths than on the screen: each keeps a picture of its own.
  keepForPrint() {
    for (const chart of this.charts) {
      const holder = chart.root.parentElement;
      holder.querySelector(".printed")?.remove();
      const picture = document.createElement("canvas");
      [picture.width, picture.height] = [chart.ctx.canvas.width, chart.ctx.canvas.height];
      picture.getContext("2d").drawImage(chart.ctx.canvas, 0, 0);
      picture.className = "printed";
      holder.append(picture);
    }
  }

  resize() {
    for (const chart of this.charts) {
      const width = Math.floor(chart.root.parentElement.clientWidth);
      if (width > 50 && width !== chart.width) chart.setSize({ width, height: chart.height });
    }
    // A chart takes its new size a moment later.
    requestAnimationFrame(() => this.moveTo(this.year * MONTHS_A_YEAR));
  }
}
