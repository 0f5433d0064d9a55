// A run that goes on, asked for again every two seconds. What it says is text, never markup.
"use strict";
(() => {
  const live = document.getElementById("live");
  if (!live) return;
  const svg = (name, attributes) => {
    const element = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    return element;
  };
  const list = (id, lines) => document.getElementById(id).replaceChildren(...(lines.length ? lines : ["none"]).map((line) => {
    const item = document.createElement("li");
    item.textContent = line;
    return item;
  }));
  const curve = (seconds) => {
    const width = 900, height = 160, left = 64, top = 10, bottom = 20;
    const most = Math.max(1, ...seconds.map((s) => Math.max(s.ok, s.fail + s.info)));
    const x = (i) => left + (width - left) * (seconds.length < 2 ? 1 : i / (seconds.length - 1));
    const y = (value) => height - bottom - (height - bottom - top) * value / most;
    const picture = svg("svg", {viewBox: `0 0 ${width} ${height}`, role: "img",
      "aria-label": `operations a second over the last ${seconds.length} seconds, at most ${most}`});
    for (const part of [0, 0.5, 1]) {
      picture.append(svg("line", {class: "grid", x1: left, x2: width, y1: y(part * most), y2: y(part * most)}));
      const text = svg("text", {x: left - 6, y: y(part * most) + 4, "text-anchor": "end"});
      text.textContent = `${Math.round(part * most)} /s`;
      picture.append(text);
    }
    const line = (kind, value) => picture.append(svg("polyline", {class: kind,
      points: seconds.map((s, i) => `${x(i).toFixed(1)},${y(value(s)).toFixed(1)}`).join(" ")}));
    line("ok", (s) => s.ok);
    line("bad", (s) => s.fail + s.info);
    return picture;
  };
  const show = (run) => {
    // The newest second is not over yet.
    const seconds = run.seconds.slice(0, -1);
    const last = seconds[seconds.length - 1];
    const all = run.run.figures.all;
    document.getElementById("now").textContent = `${(run.elapsed_ns / 1e9).toFixed(0)} s: ${all.ok} ok, ${all.fail} fail, ` +
      `${all.info} info` + (last ? `; in the last second ${last.ok} ok, p50 ${last.p50_ms.toFixed(1)} ms, ` +
      `p99 ${last.p99_ms.toFixed(1)} ms` : "") + ". Green: ok a second; red: fail and info.";
    document.getElementById("curve").replaceChildren(curve(seconds));
    list("faults", run.faults_in_force.map((f) => `${f.fault} on ${f.targets.join(", ")} for ` +
      `${((run.elapsed_ns - f.since_ns) / 1e9).toFixed(0)} s`));
    list("clocks", run.clocks.map((c) => `${c.node}: ${(c.offset_ns / 1e6).toFixed(1)} ms ` +
      `± ${(c.uncertainty_ns / 1e6).toFixed(1)} ms`));
    document.getElementById("log").textContent = run.log;
  };
  const ask = async () => {
    try {
      const response = await fetch(`/api/run/${live.dataset.run}`);
      if (response.ok) {
        const run = await response.json();
        if (run.run.verdict !== "running") {
          location.reload();
          return;
        }
        show(run);
      }
    } catch (error) {
      document.getElementById("now").textContent = `shaketable serve does not answer: ${error.message}`;
    }
    setTimeout(ask, 2000);
  };
  ask();
})();
