// What ties controls, bones and curves together.

const model = JSON.parse(document.getElementById("model").textContent);
const byId = (id) => document.getElementById(id);

function describeMonth(month) {
  const years = month / 12;
  const long = Math.abs(years - Math.round(years)) < 1e-6 ? Math.round(years) : years.toFixed(1);
  return month >= 12 ? `Month ${+month.toFixed(2)} (${long} ${long === 1 ? "year" : "years"})` : `Month ${+month.toFixed(2)}`;
}

const state = { place: model.months.length - 1, field: model.fields?.[0]?.name };

// Of each arm the bone whose month is nearest.
function bonesAt(month) {
  return model.bones.map((own) =>
    own.reduce((best, bone) => (Math.abs(bone.month - month) < Math.abs(best.month - month) ? bone : best)));
}

// What has become of an arm's strength, mean over its members, in words.
function strengthAt(month, place) {
  const own = model.curves.find((curve) => curve.key === "failure_load")?.arms[place];
  const at = own ? own.months.findLastIndex((each) => each <= month + 1e-6) : -1;
  if (at < 1) return "";
  const change = (own.mean[at] - 100).toFixed(0);
  const sign = Number(change) === 0 ? "±0" : `${change > 0 ? "+" : ""}${change.replace("-", "−")}`;
  return `, ${model.members > 1 ? "mean " : ""}strength ${sign} %`;
}

function drawLegend() {
  const bar = byId("legend-bar"), label = byId("legend-label"), keys = byId("legend-keys");
  const field = model.fields.find((each) => each.name === state.field);
  bar.hidden = !field;
  bar.parentElement.classList.toggle("keys-only", !field);
  label.textContent = field ? field.label : "";
  if (field) {
    bar.style.background = `linear-gradient(to right, ${field.colours.join(", ")})`;
    byId("legend-ticks").replaceChildren(...field.ticks.map((tick) => {
      const mark = document.createElement("span");
      mark.style.left = `${100 * tick.at}%`;
      mark.textContent = tick.label;
      return mark;
    }));
  } else {
    byId("legend-ticks").replaceChildren();
  }
  const shown = [];
  if (!field || field.lost) shown.push(["lost bone", model.colours.lost, 0.5]);
  if (!field) shown.push(["new bone", model.colours.gained, 1]);
  keys.replaceChildren(...shown.map(([words, colour, opacity]) => {
    const key = document.createElement("span");
    const swatch = document.createElement("i");
    Object.assign(swatch.style, { background: colour, opacity });
    key.append(swatch, words);
    return key;
  }));
}

function drawScale(bones) {
  let length = 1e-3;
  for (let power = -3; power <= 2; power++) {
    for (const step of [1, 2, 5]) {
      const candidate = step * 10 ** power;
      if (candidate * bones.pixels <= 110) length = candidate;
    }
  }
  byId("scale-bar").style.width = `${length * bones.pixels}px`;
  byId("scale-words").textContent = length >= 0.1 ? `${+length.toFixed(3)} mm` : `${+(1000 * length).toFixed(3)} µm`;
  ["x", "y", "z"].forEach((name, axis) => {
    const [right, up] = bones.project(axis);
    const tip = [26 * right, -26 * up];
    const line = byId(`axis-${name}`), word = byId(`axis-${name}-name`);
    line.setAttribute("x2", tip[0]);
    line.setAttribute("y2", tip[1]);
    const away = Math.max(Math.hypot(...tip), 1e-6);
    word.setAttribute("x", tip[0] + 9 * tip[0] / away);
    word.setAttribute("y", tip[1] + 9 * tip[1] / away + 3.5);
  });
}

// What the picture shows, in words: for print, and below a picture that is saved.
function describeShown() {
  const select = byId("colour");
  const parts = [byId("month")?.textContent, select ? select.selectedOptions[0].textContent : "",
                 byId("cut-words").textContent && `cut at ${byId("cut-words").textContent}`];
  return parts.filter(Boolean).join("; ");
}

function start3d() {
  if (!byId("grid")) return null;
  try {
    return new Bones(model, byId("grid"), [...document.querySelectorAll(".panel")], drawScale);
  } catch (error) {
    const note = byId("no-3d");
    note.hidden = false;
    byId("grid").classList.add("still");
    return null;
  }
}

const bones = start3d();
const curves = model.curves.length ? new Curves(model.curves, model.arms, (month) => setMonth(month)) : null;

async function update() {
  const month = model.months[state.place];
  const slider = byId("time");
  if (slider) {
    byId("month").textContent = describeMonth(month);
    slider.value = state.place;
    slider.setAttribute("aria-valuetext", describeMonth(month));
  }
  if (curves) curves.moveTo(month);
  if (model.fields?.length) {
    const chosen = bonesAt(month);
    chosen.forEach((bone, place) => {
      const other = Math.abs(bone.month - month) > 1e-6 ? `, bone of month ${+bone.month.toFixed(2)}` : "";
      byId(`said-${place}`).textContent = `BV/TV ${(100 * bone.bvtv).toFixed(1)} %${other}${strengthAt(month, place)}`;
    });
    if (bones) await bones.show(chosen, state.field);
  }
  if (byId("shown")) byId("shown").textContent = describeShown();
  document.documentElement.dataset.ready = String(Number(document.documentElement.dataset.ready || 0) + 1);
}

function setMonth(month) {
  let best = 0;
  model.months.forEach((each, at) => {
    if (Math.abs(each - month) < Math.abs(model.months[best] - month)) best = at;
  });
  state.place = best;
  update();
}

if (byId("time")) {
  byId("time").addEventListener("input", (event) => {
    state.place = Number(event.target.value);
    update();
  });
}

let playing = 0;
function play(on) {
  clearInterval(playing);
  playing = 0;
  byId("play").textContent = on ? "Pause" : "Play";
  byId("play").setAttribute("aria-pressed", String(on));
  if (!on) return;
  const stops = model.fields.length ? [...new Set(model.bones.flat().map((bone) => bone.month))].sort((a, b) => a - b)
                                    : model.months;
  if (model.months[state.place] >= stops.at(-1)) setMonth(stops[0]);
  playing = setInterval(() => {
    const next = stops.find((month) => month > model.months[state.place] + 1e-6);
    if (next === undefined) play(false);
    else setMonth(next);
  }, 700);
}

function wire() {
  if (byId("play")) byId("play").addEventListener("click", () => play(!playing));
  if (!byId("grid")) return;
  byId("colour").addEventListener("change", (event) => {
    state.field = event.target.value;
    drawLegend();
    update();
  });
  if (!bones) return;
  const applyCut = () => {
    const axis = Number(byId("cut-axis").value);
    byId("cut-place").disabled = byId("cut-flip").disabled = axis < 0;
    const share = Number(byId("cut-place").value) / 100;
    const where = axis < 0 ? "no cut" : `${"xyz"[axis]} = ${(share * model.size[axis]).toFixed(2)} mm`;
    byId("cut-words").textContent = axis < 0 ? "" : where;
    byId("cut-place").setAttribute("aria-valuetext", where);
    bones.setCut(axis, share, byId("cut-flip").checked);
    byId("shown").textContent = describeShown();
  };
  for (const id of ["cut-axis", "cut-place", "cut-flip"]) byId(id).addEventListener("input", applyCut);
  applyCut();
  byId("reset").addEventListener("click", () => {
    bones.lookFrom();
    bones.draw();
  });
  byId("zoom-in").addEventListener("click", () => bones.zoom(1.25));
  byId("zoom-out").addEventListener("click", () => bones.zoom(0.8));
  byId("picture").addEventListener("click", savePicture);
  byId("grid").addEventListener("keydown", (event) => {
    const turns = { ArrowLeft: [-0.1, 0], ArrowRight: [0.1, 0], ArrowUp: [0, 0.1], ArrowDown: [0, -0.1] };
    if (turns[event.key]) bones.turn(...turns[event.key]);
    else if (event.key === "+" || event.key === "=") bones.zoom(1.25);
    else if (event.key === "-") bones.zoom(0.8);
    else if (event.key === "0") bones.lookFrom();
    else return;
    event.preventDefault();
  });
  window.addEventListener("beforeprint", () => bones.keepForPrint());
}

// The bones as they stand, with names and legend, as a PNG.
function savePicture() {
  bones.drawNow();
  const box = byId("grid").getBoundingClientRect();
  const ratio = bones.canvas.width / box.width;
  const sheet = document.createElement("canvas");
  const foot = 100;
  [sheet.width, sheet.height] = [bones.canvas.width, Math.round((box.height + foot) * ratio)];
  const pen = sheet.getContext("2d");
  pen.fillStyle = "white";
  pen.fillRect(0, 0, sheet.width, sheet.height);
  pen.drawImage(bones.canvas, 0, 0);
  pen.scale(ratio, ratio);
  pen.fillStyle = "#222";
  pen.textAlign = "center";
  document.querySelectorAll(".arm").forEach((arm) => {
    const own = arm.getBoundingClientRect(), x = own.left - box.left + own.width / 2;
    const [name, said] = [arm.querySelector("h3"), arm.querySelector("p")].map((each) => each.textContent);
    pen.font = "bold 13px sans-serif";
    pen.fillText(name, x, own.top - box.top + 16, own.width);
    pen.font = "12px sans-serif";
    pen.fillText(said, x, own.top - box.top + 33, own.width);
  });
  const field = model.fields.find((each) => each.name === state.field);
  pen.font = "12px sans-serif";
  const [left, top, width] = [30, box.height + 10, Math.min(320, box.width - 160)];
  if (field) {
    const fill = pen.createLinearGradient(left, 0, left + width, 0);
    field.colours.forEach((colour, at) => fill.addColorStop(at / (field.colours.length - 1), colour));
    pen.fillStyle = fill;
    pen.fillRect(left, top, width, 10);
    pen.fillStyle = "#222";
    field.ticks.forEach((tick) => pen.fillText(tick.label, left + tick.at * width, top + 24));
  }
  pen.fillText(byId("legend-label").textContent, left + width / 2, top + 42);
  pen.textAlign = "left";
  let across = left;
  document.querySelectorAll("#legend-keys span").forEach((key) => {
    const swatch = key.querySelector("i").style;
    pen.globalAlpha = Number(swatch.opacity);
    pen.fillStyle = swatch.background;
    pen.fillRect(across, top + 52, 18, 11);
    pen.globalAlpha = 1;
    pen.fillStyle = "#222";
    pen.fillText(key.textContent, across + 24, top + 62);
    across += 40 + pen.measureText(key.textContent).width;
  });
  pen.fillText(describeShown(), left, top + 80, box.width - 2 * left);
  pen.textAlign = "center";
  const bar = byId("scale-bar").getBoundingClientRect().width;
  pen.fillRect(box.width - 20 - bar, top + 6, bar, 3);
  pen.fillText(byId("scale-words").textContent, box.width - 20 - bar / 2, top + 24);
  const link = document.createElement("a");
  link.download = `${model.slug}_month_${model.months[state.place]}_${state.field}.png`;
  link.href = sheet.toDataURL("image/png");
  link.click();
}

window.addEventListener("beforeprint", () => curves?.keepForPrint());
window.addEventListener("beforeprint", () => document.querySelectorAll("details.warnings").forEach((each) => (each.open = true)));

for (const button of document.querySelectorAll("[data-copy]")) {
  button.addEventListener("click", async () => {
    const text = byId(button.dataset.copy).innerText;
    try {
      await navigator.clipboard.writeText(text);
      button.textContent = "Copied";
    } catch {
      getSelection().selectAllChildren(byId(button.dataset.copy));
      button.textContent = "Selected: press Ctrl+C";
    }
  });
}

wire();
if (byId("grid")) drawLegend();
if (model.months.length) update();
