// What the page does beyond showing itself: plots that zoom (with uPlot, where that was built in), the timeline of
// processes, orders to choose from, a button that copies. Text from the run is only ever set as textContent or drawn.
(() => {
  "use strict";
  const data = JSON.parse(document.getElementById("data").textContent);
  const frame = data.frame;
  const style = getComputedStyle(document.documentElement);
  const colour = (name) => style.getPropertyValue("--" + name).trim();
  const looks = { p50: "ok", p95: "hue2", p99: "hue1", most: "hue7" };
  const colourOf = (look) => colour(looks[look] || look);
  const say = (text) => (document.getElementById("spoken").textContent = text);
  const make = (name, text, attributes) => {
    const element = document.createElement(name);
    if (text) element.textContent = text;
    for (const [key, value] of Object.entries(attributes || {})) element.setAttribute(key, value);
    return element;
  };
  const sums = (steps) => {
    let sum = 0;
    return steps.map((step) => (sum += step));
  };
  const redraw = []; // when the window's size or the colour scheme changes

  const milliseconds = (ms) => {
    const size = Math.abs(ms);
    if (size === 0) return "0";
    if (size >= 1000) return +(ms / 1000).toPrecision(4) + " s";
    if (size >= 1) return +ms.toPrecision(4) + " ms";
    return +(ms * 1000).toPrecision(4) + " µs";
  };
  const seconds = (us) => (us / 1e6).toFixed(3) + " s";

  // --- plots -------------------------------------------------------------------------------------------------------

  const plots = [];
  const laneHeight = 11;

  function shape(context, look, x, y) {
    const s = devicePixelRatio;
    if (look === "fail") {
      context.moveTo(x - 2.5 * s, y - 2.5 * s);
      context.lineTo(x + 2.5 * s, y + 2.5 * s);
      context.moveTo(x + 2.5 * s, y - 2.5 * s);
      context.lineTo(x - 2.5 * s, y + 2.5 * s);
    } else if (look === "info") {
      context.moveTo(x, y - 3.5 * s);
      context.lineTo(x + 3.5 * s, y + 2.5 * s);
      context.lineTo(x - 3.5 * s, y + 2.5 * s);
      context.closePath();
    } else {
      context.rect(x - 1.3 * s, y - 1.3 * s, 2.6 * s, 2.6 * s);
    }
  }

  function dots(series) {
    return (u, index) => {
      const context = u.ctx;
      const xs = u.data[0];
      const ys = u.data[index];
      context.save();
      context.beginPath();
      context.rect(u.bbox.left, u.bbox.top, u.bbox.width, u.bbox.height);
      context.clip();
      context.beginPath();
      for (let i = 0; i < xs.length; ++i)
        if (ys[i] != null && xs[i] >= u.scales.x.min && xs[i] <= u.scales.x.max)
          shape(context, series.look, u.valToPos(xs[i], "x", true), u.valToPos(ys[i], "y", true));
      context.strokeStyle = context.fillStyle = colourOf(series.look);
      context.lineWidth = 1.3 * devicePixelRatio;
      context.globalAlpha = series.look === "ok" ? 0.5 : 1;
      if (series.look === "fail") context.stroke();
      else context.fill();
      context.restore();
      return null;
    };
  }

  function errorBars(u, plot) {
    const context = u.ctx;
    plot.series.forEach((series, i) => {
      if (!series.error || !u.series[i + 1].show) return;
      context.save();
      context.beginPath();
      context.rect(u.bbox.left, u.bbox.top, u.bbox.width, u.bbox.height);
      context.clip();
      context.beginPath();
      const xs = sums(series.x);
      xs.forEach((x, j) => {
        const at = u.valToPos(x / 1e6, "x", true);
        if (at < u.bbox.left || at > u.bbox.left + u.bbox.width) return;
        context.moveTo(at, u.valToPos(series.y[j] - series.error[j], "y", true));
        context.lineTo(at, u.valToPos(series.y[j] + series.error[j], "y", true));
      });
      context.strokeStyle = colourOf(series.look);
      context.globalAlpha = 0.5;
      context.lineWidth = devicePixelRatio;
      context.stroke();
      context.restore();
    });
  }

  function bandsOf(u) {
    const context = u.ctx;
    const { left, top, width, height } = u.bbox;
    const lane = laneHeight * devicePixelRatio;
    const lanesTop = u.ctx.canvas.height - frame.lanes.length * lane;
    context.save();
    context.font = 11 * devicePixelRatio + "px system-ui, sans-serif";
    context.textAlign = "right";
    context.textBaseline = "middle";
    context.fillStyle = colour("soft");
    frame.lanes.forEach((name, i) =>
      context.fillText(name.slice(0, 9), left - 6 * devicePixelRatio, lanesTop + (i + 0.5) * lane));
    context.beginPath();
    context.rect(left, 0, width, u.ctx.canvas.height);
    context.clip();
    const place = (one) => {
      const from = u.valToPos(one.from, "x", true);
      return [from, Math.max(u.valToPos(one.to, "x", true) - from, devicePixelRatio)];
    };
    context.globalAlpha = 0.09;
    for (const shade of frame.shades) {
      const [from, wide] = place(shade);
      context.fillStyle = colour("hue" + shade.hue);
      context.fillRect(from, top, wide, height);
    }
    for (const band of frame.bands) {
      const [from, wide] = place(band);
      context.fillStyle = colour("hue" + band.hue);
      context.globalAlpha = band.target ? 0.9 : 0.3;
      context.fillRect(from, lanesTop + band.lane * lane + 1, wide, lane - 3);
    }
    context.restore();
  }

  function markOf(u) {
    if (frame.mark == null) return;
    const at = u.valToPos(frame.mark, "x", true);
    if (at < u.bbox.left || at > u.bbox.left + u.bbox.width) return;
    const context = u.ctx;
    context.save();
    context.strokeStyle = context.fillStyle = colour("bad");
    context.lineWidth = 1.5 * devicePixelRatio;
    context.setLineDash([4 * devicePixelRatio, 3 * devicePixelRatio]);
    context.beginPath();
    context.moveTo(at, u.bbox.top);
    context.lineTo(at, u.bbox.top + u.bbox.height);
    context.stroke();
    context.font = 11 * devicePixelRatio + "px system-ui, sans-serif";
    context.textAlign = "left";
    context.fillText("violation", at + 4 * devicePixelRatio, u.bbox.top + 10 * devicePixelRatio);
    context.restore();
  }

  let moving = false;
  function zoomAll(from, to, spoken) {
    from = Math.max(frame.from, from);
    to = Math.min(frame.to, to);
    if (!(to - from > 1e-4)) return;
    moving = true;
    for (const u of plots) u.setScale("x", { min: from, max: to });
    moving = false;
    document.getElementById("plot-span").textContent = `${from.toFixed(2)} s to ${to.toFixed(2)} s`;
    if (spoken) say(`Plots show ${from.toFixed(2)} to ${to.toFixed(2)} seconds`);
  }

  function zoomBy(factor, shift) {
    const { min, max } = plots[0].scales.x;
    const half = ((max - min) / 2) * factor;
    let middle = (min + max) / 2 + shift * (max - min);
    middle = Math.min(Math.max(middle, frame.from + half), Math.max(frame.to - half, frame.from + half));
    zoomAll(middle - half, middle + half, true);
  }

  function powers(from, to) {
    const all = [];
    for (let at = from; at <= to * 1.001; at *= 10) all.push(at);
    return all;
  }

  // uPlot's legend shows and hides a line at a click; here at the keyboard too.
  function legendKeys(u) {
    u.root.querySelectorAll(".u-legend .u-series th").forEach((head, i) => {
      if (i === 0) return; // time
      head.setAttribute("tabindex", "0");
      head.setAttribute("role", "button");
      head.setAttribute("aria-pressed", "true");
      head.addEventListener("click", () => head.setAttribute("aria-pressed", String(u.series[i].show)));
      head.addEventListener("keydown", (event) => {
        if (event.key !== "Enter" && event.key !== " ") return;
        event.preventDefault();
        head.click();
      });
    });
  }

  function plotOf(holder, plot) {
    const unit = { "ms": milliseconds, "/s": (v) => +v.toPrecision(4) + "/s", "%": (v) => +v.toPrecision(4) + " %" };
    const show = unit[plot.unit];
    const tables = plot.series.map((series) => [sums(series.x).map((x) => x / 1e6), series.y]);
    const joined = tables.length ? uPlot.join(tables, tables.map(() => [1, 2])) : [[]];
    const size = () => ({ width: holder.clientWidth, height: 206 + laneHeight * frame.lanes.length });
    const axis = { stroke: () => colour("soft"), font: "11px system-ui, sans-serif", ticks: { show: false } };
    const grid = { stroke: () => colour("line"), width: 1 };
    const range = plot.from !== plot.to ? () => [plot.from, plot.to] : undefined;
    const u = new uPlot({
      ...size(),
      padding: [8, 12, laneHeight * frame.lanes.length, 0],
      legend: { show: true, live: !plot.dots },
      cursor: { sync: { key: "time" }, drag: { x: true, y: false }, points: { show: !plot.dots } },
      scales: {
        x: { time: false, range: (u, min, max) => [min ?? frame.from, max ?? frame.to] },
        y: {
          distr: plot.log ? 3 : 1,
          range: range || (plot.unit === "/s" ? (u, min, max) => [0, (max || 1) * 1.06] : undefined),
        },
      },
      axes: [
        { ...axis, size: 28, grid: { show: false }, values: (u, all) => all.map((v) => +v.toFixed(3) + " s") },
        {
          ...axis,
          grid,
          size: 66,
          ...(plot.log ? { splits: () => powers(plot.from, plot.to) } : {}),
          values: (u, all) => all.map((v) => (v == null ? "" : show(v))),
        },
      ],
      series: [
        { label: "time", value: (u, v) => (v == null ? "–" : v.toFixed(3) + " s") },
        ...plot.series.map((series) => ({
          label: series.name,
          stroke: () => colourOf(series.look),
          width: 1.6,
          spanGaps: false,
          value: (u, v) => (v == null ? "–" : show(v)),
          ...(plot.dots ? { paths: dots(series), points: { show: false } } : { points: { show: false } }),
        })),
      ],
      hooks: {
        drawClear: [bandsOf],
        draw: [(u) => errorBars(u, plot), markOf],
        setScale: [(u, key) => key === "x" && !moving && zoomAll(u.scales.x.min, u.scales.x.max, false)],
      },
    }, joined, (u, init) => {
      holder.replaceChildren(u.root);
      init();
    });
    // A double click shows everything; uPlot would show the data's range, and each plot its own.
    u.over.addEventListener("dblclick", () => zoomAll(frame.from, frame.to, true));
    holder.closest("figure").querySelector(".key").hidden = true; // the legend stands for it
    legendKeys(u);
    const about = holder.closest("figure").querySelector("h3").textContent;
    u.root.setAttribute("role", "group");
    u.root.setAttribute("aria-label", about + "; the numbers are in a table below");
    plots.push(u);
    redraw.push((resized) => (resized ? u.setSize(size()) : u.redraw(false)));
    u.setScale("x", { min: frame.from, max: frame.to });
  }

  function plotTools() {
    const tools = document.getElementById("plot-tools");
    const add = (text, act) => {
      const button = make("button", text, { type: "button" });
      button.addEventListener("click", act);
      tools.append(button);
    };
    add("Zoom in", () => zoomBy(0.5, 0));
    add("Zoom out", () => zoomBy(2, 0));
    add("Earlier", () => zoomBy(1, -0.4));
    add("Later", () => zoomBy(1, 0.4));
    if (frame.mark != null) add("Violation", () => zoomAll(frame.mark - 2, frame.mark + 2, true));
    add("All", () => zoomAll(frame.from, frame.to, true));
    tools.append(make("span", "", { id: "plot-span" }), make("span", "Drag in a plot to zoom; all plots move together."));
    tools.hidden = false;
  }

  function startPlots() {
    if (typeof uPlot === "undefined" || !data.plots.length) return;
    plotTools();
    const waiting = new Map(data.plots.map((plot) => [plot.id, plot]));
    // A plot is drawn when it is about to be seen: the first screen does not wait for it.
    const watcher = new IntersectionObserver((entries) => {
      for (const entry of entries) {
        const plot = entry.isIntersecting && waiting.get(entry.target.dataset.plot);
        if (!plot) continue;
        waiting.delete(plot.id);
        watcher.unobserve(entry.target);
        const span = plots.length ? plots[0].scales.x : null;
        plotOf(entry.target, plot);
        if (span && span.min != null) zoomAll(span.min, span.max, false);
      }
    }, { rootMargin: "300px" });
    for (const holder of document.querySelectorAll("[data-plot]"))
      if (waiting.has(holder.dataset.plot)) watcher.observe(holder);
  }

  // --- timeline ----------------------------------------------------------------------------------------------------

  function startTimeline() {
    const view = document.getElementById("timeline-view");
    const t = data.timeline;
    if (!view || !t.process.length) return;
    const from = sums(t.invoked);
    const count = from.length;
    const last = Math.max(frame.to * 1e6, from[count - 1]);
    const first = Math.min(frame.from * 1e6, from[0]);
    const to = from.map((at, i) => (t.lasted[i] < 0 ? Infinity : at + t.lasted[i]));
    const outcomes = ["ok", "info", "fail"];
    const suspect = new Set(t.suspects);
    const words = (i) =>
      `${t.functions[t.function[i]]} ${t.text[i]} (process ${t.process[i]}, ${outcomes[t.outcome[i]]}, at ${seconds(from[i])}` +
      (t.lasted[i] < 0 ? ", never completed)" : `, ${milliseconds(t.lasted[i] / 1000)})`);

    // Opens so that what the verdict names can be read.
    function opening() {
      if (t.violation != null) {
        const near = t.suspects.filter((i) => Math.abs(from[i] - t.violation) < 1e6);
        let at = from.findIndex((begin) => begin > t.violation);
        if (at < 0) at = count;
        const low = Math.min(from[Math.max(at - 14, 0)], ...near.map((i) => from[i]));
        const high = Math.max(t.violation, from[Math.min(at + 4, count - 1)]);
        return [low - 1000, Math.min(high, t.violation + (t.violation - low)) + (t.violation - low) * 0.15 + 1000];
      }
      const begin = t.whole.length ? t.whole[0][0] : first;
      const some = from.findIndex((at) => at >= begin);
      return [begin, from[Math.min(some + 150, count - 1)] + 1000];
    }
    let [low, high] = opening();
    let chosen = -1;
    let rows = [];
    const rowHeight = 19;
    const leftEdge = 84;
    const top = 24;

    const tools = make("div", "", { class: "tools" });
    const button = (text, act) => {
      const one = make("button", text, { type: "button" });
      one.addEventListener("click", act);
      tools.append(one);
    };
    button("Zoom in", () => zoom(0.5, 0.5));
    button("Zoom out", () => zoom(2, 0.5));
    button("Earlier", () => move(-0.4));
    button("Later", () => move(0.4));
    if (t.violation != null) button("Violation", () => show(...opening()));
    button("All", () => show(first, last));
    const span = make("span", "", { id: "timeline-span" });
    tools.append(span);
    const canvas = make("canvas", "", {
      tabindex: "0",
      role: "application",
      "aria-label": "Timeline of processes. Left and right choose an operation, up and down another process, " +
        "plus and minus zoom, 0 shows everything.",
      "aria-describedby": "timeline-said",
    });
    const said = make("p", "Click a bar, or use the arrow keys, to read an operation. Drag to move; Ctrl and the wheel zoom.",
      { id: "timeline-said", "aria-live": "polite" });
    const details = make("details", "", { class: "data" });
    details.append(make("summary", "The operations in view as a table"));
    const tableHolder = make("div", "", { class: "scroll tall", tabindex: "0", role: "region",
      "aria-label": "Operations in view" });
    details.append(tableHolder);
    details.addEventListener("toggle", () => details.open && fillTable());
    view.replaceChildren(tools, canvas, said, details);

    const visible = () => {
      const all = [];
      for (let i = 0; i < count && from[i] <= high; ++i) if (to[i] >= low) all.push(i);
      return all;
    };
    const width = () => canvas.clientWidth - leftEdge - 8;
    const x = (at) => leftEdge + ((at - low) / (high - low)) * width();

    function draw() {
      const shown = visible();
      const processes = [...new Set(shown.map((i) => t.process[i]))].sort((a, b) => a - b);
      const limit = 60;
      rows = processes;
      if (rows.length > limit) {
        const named = new Set(t.suspects.map((i) => t.process[i]));
        rows = [...processes.filter((p) => named.has(p)), ...processes.filter((p) => !named.has(p))]
          .slice(0, limit).sort((a, b) => a - b);
      }
      const lanes = frame.lanes.length;
      const height = top + Math.max(rows.length, 3) * rowHeight + lanes * 9 + 12;
      const ratio = devicePixelRatio || 1;
      canvas.style.height = height + "px";
      canvas.width = Math.round(canvas.clientWidth * ratio);
      canvas.height = Math.round(height * ratio);
      const c = canvas.getContext("2d");
      c.scale(ratio, ratio);
      c.font = "11px system-ui, sans-serif";
      c.textBaseline = "middle";
      const bottom = height - lanes * 9 - 8;
      c.save();
      c.beginPath();
      c.rect(leftEdge, 0, width(), height);
      c.clip();
      c.globalAlpha = 0.08;
      for (const shade of frame.shades) {
        c.fillStyle = colour("hue" + shade.hue);
        c.fillRect(x(shade.from * 1e6), top - 4, Math.max(x(shade.to * 1e6) - x(shade.from * 1e6), 1), bottom - top + 4);
      }
      for (const band of frame.bands) {
        const a = x(band.from * 1e6);
        const wide = Math.max(x(band.to * 1e6) - a, 1);
        c.fillStyle = colour("hue" + band.hue);
        c.globalAlpha = band.target ? 0.9 : 0.3;
        c.fillRect(a, bottom + 4 + band.lane * 9, wide, 6);
      }
      c.globalAlpha = 1;
      c.restore();
      c.fillStyle = colour("soft");
      const step = niceStep((high - low) / 8);
      c.textAlign = "center";
      for (let at = Math.ceil(low / step) * step; at <= high; at += step) {
        c.fillText(+(at / 1e6).toFixed(6) + " s", x(at), 10);
        c.fillRect(x(at), 18, 0.5, bottom - 18);
      }
      c.textAlign = "left";
      rows.forEach((p, i) => c.fillText("process " + p, 6, top + (i + 0.5) * rowHeight));
      c.textAlign = "right";
      c.font = "9px system-ui, sans-serif";
      frame.lanes.forEach((name, i) => c.fillText(name.slice(0, 12), leftEdge - 4, bottom + 7 + i * 9));
      c.font = "11px system-ui, sans-serif";
      c.textAlign = "left";
      c.save();
      c.beginPath();
      c.rect(leftEdge, 0, width(), height);
      c.clip();
      const row = new Map(rows.map((p, i) => [p, i]));
      // Where the next bar of a row begins: words that do not fit into a bar stand behind it, if there is room.
      const room = new Map();
      const free = new Map();
      for (let k = shown.length - 1; k >= 0; --k) {
        free.set(shown[k], room.get(t.process[shown[k]]) ?? high);
        room.set(t.process[shown[k]], from[shown[k]]);
      }
      for (const i of shown) {
        if (!row.has(t.process[i])) continue;
        const a = Math.max(x(from[i]), leftEdge - 4);
        const b = Math.min(x(Math.min(to[i], last)), leftEdge + width() + 4);
        const y = top + row.get(t.process[i]) * rowHeight + 2;
        const wide = Math.max(b - a, 1.5);
        c.fillStyle = colourOf(outcomes[t.outcome[i]]);
        c.globalAlpha = t.outcome[i] === 0 ? 0.32 : 0.5;
        c.fillRect(a, y, wide, rowHeight - 4);
        c.globalAlpha = 1;
        if (suspect.has(i) || i === chosen) {
          c.strokeStyle = i === chosen ? colour("ink") : colour("bad");
          c.lineWidth = 2;
          c.strokeRect(a, y, wide, rowHeight - 4);
        }
        const label = `${t.functions[t.function[i]]} ${t.text[i]}`.slice(0, 80);
        const long = shown.length < 400 ? c.measureText(label).width : Infinity;
        const inside = long + 8 <= wide || wide > 60;
        const space = inside ? wide - 6 : x(Math.min(free.get(i), high)) - b - 8;
        if (inside || long <= space) {
          c.save();
          c.beginPath();
          c.rect(inside ? a : b, y, space + 6, rowHeight);
          c.clip();
          c.fillStyle = inside ? colour("ink") : colour("soft");
          c.fillText(label, (inside ? Math.max(a, leftEdge) : b) + 4, y + rowHeight / 2 - 2);
          c.restore();
        }
      }
      if (t.violation != null) {
        c.strokeStyle = c.fillStyle = colour("bad");
        c.setLineDash([4, 3]);
        c.lineWidth = 1.5;
        c.beginPath();
        c.moveTo(x(t.violation), top - 6);
        c.lineTo(x(t.violation), bottom);
        c.stroke();
      }
      c.restore();
      const hidden = processes.length - rows.length;
      span.textContent = `${seconds(low)} to ${seconds(high)}: ${shown.length} operations of ${processes.length} processes` +
        (hidden ? ` (${hidden} not drawn)` : "") + (whole() ? "" : "; some stretches of this time are not in the report");
      if (details.open) fillTable();
    }

    const whole = () => t.whole.some(([a, b]) =>
      a <= Math.max(low, from[0]) + 1 && b >= Math.min(high, from[count - 1]) - 1) ||
      (t.whole.length === 1 && t.whole[0][0] <= from[0] && t.whole[0][1] >= from[count - 1]);

    function niceStep(rough) {
      const power = 10 ** Math.floor(Math.log10(rough));
      return [1, 2, 5, 10].map((f) => f * power).find((s) => s >= rough);
    }

    function fillTable() {
      const limit = 300;
      const shown = visible();
      const table = make("table");
      table.append(make("caption", shown.length > limit
        ? `The first ${limit} of ${shown.length} operations in view`
        : `The ${shown.length} operations in view`));
      const head = make("tr");
      for (const name of ["Process", "Operation", "Outcome", "Invoked", "Took"]) head.append(make("th", name, { scope: "col" }));
      const thead = make("thead");
      thead.append(head);
      const body = make("tbody");
      for (const i of shown.slice(0, limit)) {
        const line = make("tr");
        line.append(
          make("th", String(t.process[i]), { scope: "row" }),
          make("td", `${t.functions[t.function[i]]} ${t.text[i]}`),
          make("td", outcomes[t.outcome[i]] + (suspect.has(i) ? ", named by the verdict" : ""), { class: outcomes[t.outcome[i]] }),
          make("td", seconds(from[i]), { class: "number" }),
          make("td", t.lasted[i] < 0 ? "never completed" : milliseconds(t.lasted[i] / 1000), { class: "number" }),
        );
        body.append(line);
      }
      table.append(thead, body);
      tableHolder.replaceChildren(table);
    }

    function show(a, b) {
      const least = 50;
      if (b - a < least) b = a + least;
      low = Math.max(a, first - 1000);
      high = Math.min(b, last + 1000);
      draw();
    }
    function zoom(factor, around) {
      const centre = low + (high - low) * around;
      show(centre - (centre - low) * factor, centre + (high - centre) * factor);
    }
    function move(part) {
      let by = (high - low) * part;
      by = Math.min(Math.max(by, first - 1000 - low), last + 1000 - high);
      show(low + by, high + by);
    }
    function choose(i) {
      if (i < 0) return;
      chosen = i;
      said.textContent = words(i) + (suspect.has(i) ? ". Named by the verdict." : "");
      if (from[i] > high || to[i] < low) move((from[i] - (low + high) / 2) / (high - low));
      else draw();
    }
    function beside(step) {
      if (chosen < 0) return choose(t.suspects.length ? t.suspects[0] : visible()[0] ?? -1);
      for (let i = chosen + step; i >= 0 && i < count; i += step) if (t.process[i] === t.process[chosen]) return choose(i);
    }
    function otherRow(step) {
      if (chosen < 0) return beside(1);
      const row = rows[rows.indexOf(t.process[chosen]) + step];
      if (row === undefined) return;
      let best = -1;
      for (const i of visible())
        if (t.process[i] === row && (best < 0 || Math.abs(from[i] - from[chosen]) < Math.abs(from[best] - from[chosen]))) best = i;
      choose(best);
    }
    const keys = {
      "+": () => zoom(0.5, 0.5), "=": () => zoom(0.5, 0.5), "-": () => zoom(2, 0.5), "0": () => show(first, last),
      "ArrowLeft": () => beside(-1), "ArrowRight": () => beside(1), "ArrowUp": () => otherRow(-1), "ArrowDown": () => otherRow(1),
      "PageUp": () => move(-0.8), "PageDown": () => move(0.8), "Home": () => show(...opening()),
    };
    canvas.addEventListener("keydown", (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey || !keys[event.key]) return;
      event.preventDefault();
      keys[event.key]();
    });
    canvas.addEventListener("wheel", (event) => {
      if (!event.ctrlKey && !event.metaKey) return; // the page scrolls
      event.preventDefault();
      zoom(event.deltaY > 0 ? 1.25 : 0.8, Math.min(Math.max((event.offsetX - leftEdge) / width(), 0), 1));
    }, { passive: false });
    let drag = null;
    canvas.addEventListener("pointerdown", (event) => {
      drag = { x: event.offsetX, low, high, moved: false };
      canvas.setPointerCapture(event.pointerId);
    });
    canvas.addEventListener("pointermove", (event) => {
      if (!drag) return;
      const by = ((drag.x - event.offsetX) / width()) * (drag.high - drag.low);
      if (!drag.moved && Math.abs(drag.x - event.offsetX) < 4) return;
      drag.moved = true;
      const shift = Math.min(Math.max(by, first - 1000 - drag.low), last + 1000 - drag.high);
      show(drag.low + shift, drag.high + shift);
    });
    canvas.addEventListener("pointerup", (event) => {
      if (drag && !drag.moved) {
        const row = rows[Math.floor((event.offsetY - top) / rowHeight)];
        const at = low + ((event.offsetX - leftEdge) / width()) * (high - low);
        const slack = ((high - low) / width()) * 4;
        const hit = visible().filter((i) => t.process[i] === row && from[i] - slack <= at && to[i] + slack >= at);
        if (hit.length) choose(hit.reduce((a, b) => (Math.abs(from[a] - at) < Math.abs(from[b] - at) ? a : b)));
      }
      drag = null;
    });
    canvas.addEventListener("pointercancel", () => (drag = null));
    redraw.push(draw);
    draw();
  }

  // --- the rest ----------------------------------------------------------------------------------------------------

  for (const figure of document.querySelectorAll("[data-counterexample]")) {
    const choice = figure.querySelector(".orders");
    // The picture opens where it ends: there the contradiction is.
    const scroller = figure.querySelector(".scroll");
    scroller.scrollLeft = scroller.scrollWidth;
    if (!choice) continue;
    choice.hidden = false;
    choice.addEventListener("change", (event) => {
      for (const order of figure.querySelectorAll("[data-order]"))
        order.toggleAttribute("hidden", order.dataset.order !== event.target.value);
      for (const text of figure.querySelectorAll("[data-order-text]"))
        text.open = text.dataset.orderText === event.target.value;
    });
  }

  for (const button of document.querySelectorAll("[data-copy]")) {
    button.hidden = false;
    button.addEventListener("click", async () => {
      const source = document.getElementById(button.dataset.copy);
      try {
        await navigator.clipboard.writeText(source.textContent);
        button.textContent = "Copied";
      } catch {
        getSelection().selectAllChildren(source); // a page from a disk may not reach the clipboard
        button.textContent = "Selected";
      }
      say(button.textContent);
    });
  }

  startTimeline();
  startPlots();
  let asked = 0;
  const again = (resized) => {
    cancelAnimationFrame(asked);
    asked = requestAnimationFrame(() => redraw.forEach((draw) => draw(resized)));
  };
  addEventListener("resize", () => again(true));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => again(false));
})();
