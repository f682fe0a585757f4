"use strict";
// What the console does in the browser beyond htmx: one stream of events a tab,
// closed while the tab is hidden; diagrams; the slider through a history.
(() => {
  const body = document.body;
  const live = document.querySelector(".live");
  const slider = () => document.querySelector("#slider");
  const atEnd = () => !slider() || slider().value === slider().max;

  // The stream. Whoever wants to know of changes listens for saga-changed.
  let source = null, timer = 0, last = body.dataset.since || "";
  const changed = () => {
    if (timer) return;
    timer = setTimeout(() => {
      timer = 0;
      if (atEnd()) body.dispatchEvent(new CustomEvent("saga-changed"));
    }, 250);
  };
  const open = () => {
    if (source || !body.dataset.stream) return;
    source = new EventSource(body.dataset.stream + (last ? "&since=" + encodeURIComponent(last) : ""));
    source.onopen = () => { live.textContent = "live"; };
    source.onerror = () => { live.textContent = "connecting"; };
    source.addEventListener("saga", (e) => {
      last = e.lastEventId;
      changed();
      tail(JSON.parse(e.data));
    });
  };
  const close = () => {
    if (source) source.close();
    source = null;
    if (live) live.textContent = "";
  };
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) return close();
    open();
    changed();
  });
  addEventListener("pagehide", close);
  addEventListener("pageshow", () => { if (!document.hidden) open(); });

  // The tail of the log: text only, newest first, held back while paused.
  const list = document.querySelector("#tail");
  const pause = document.querySelector("#pause");
  const held = [];
  const show = (e) => {
    const line = document.createElement("li"), link = document.createElement("a");
    link.href = body.dataset.base + "documents/" + encodeURIComponent(e.subject);
    link.textContent = e.subject;
    line.append(e.sagastoredat.slice(11, 23) + "  " + e.sagaposition + "  " + e.type + " #" + e.sagavisit + "  ", link, "  " + e.source);
    list.prepend(line);
    while (list.children.length > 500) list.lastElementChild.remove();
  };
  const tail = (e) => {
    if (!list) return;
    const type = document.querySelector("#type").value.trim();
    if (type && !e.type.includes(type)) return;
    document.querySelector("#quiet").hidden = true;
    if (pause.getAttribute("aria-pressed") !== "true") return show(e);
    held.push(e);
    if (held.length > 500) held.shift();
    pause.textContent = "Go on (" + held.length + " held back)";
  };
  if (pause) pause.addEventListener("click", () => {
    const on = pause.getAttribute("aria-pressed") !== "true";
    pause.setAttribute("aria-pressed", String(on));
    pause.textContent = on ? "Go on" : "Pause";
    if (!on) held.splice(0).forEach(show);
  });

  // Diagrams.
  const marks = ["at", "done", "failed", "undone", "stopped"];
  let canvas = null, registry = null;
  const mark = () => {
    const from = document.querySelector("#marks");
    if (!canvas || !from) return;
    const now = JSON.parse(from.dataset.marks);
    registry.forEach((element) => marks.forEach((m) => {
      if (now[element.id] === m) canvas.addMarker(element.id, m);
      else canvas.removeMarker(element.id, m);
    }));
    document.querySelector(".diagram").dataset.marked = from.dataset.marks;
  };
  const draw = async (place) => {
    const drawn = await fetch(place.dataset.drawing);
    if (!drawn.ok) { place.textContent = "The drawing cannot be had: " + drawn.status; return; }
    const viewer = new BpmnJS({ container: place });
    await viewer.importXML(await drawn.text());
    canvas = viewer.get("canvas");
    registry = viewer.get("elementRegistry");
    canvas.zoom("fit-viewport", "auto");
    mark();
    const counts = document.querySelector("#counts");
    if (counts) for (const [id, n] of Object.entries(JSON.parse(counts.dataset.counts))) {
      const badge = document.createElement("span");
      badge.className = "badge";
      badge.textContent = n;
      if (registry.get(id)) viewer.get("overlays").add(id, { position: { top: -10, right: 14 }, html: badge });
    }
    place.dataset.ready = "true";
  };
  const place = document.querySelector(".diagram[data-drawing]");
  if (place) draw(place);

  // The slider says where it is, beside it and in the timeline.
  const point = () => {
    const s = slider();
    if (!s) return;
    const nth = document.querySelector("#nth");
    if (nth.textContent !== s.value) nth.textContent = s.value;
    document.querySelectorAll("tr[data-n]").forEach((row) => row.classList.toggle("now", row.dataset.n === s.value));
  };
  document.addEventListener("input", (e) => { if (e.target === slider()) point(); });
  point();

  // After a swap: the diagram shows what the page says, and the slider too.
  new MutationObserver(() => {
    mark();
    const s = slider();
    if (s && document.activeElement !== s) s.value = s.getAttribute("value");
    point();
  }).observe(document.querySelector("main"), { childList: true, subtree: true, attributes: true, attributeFilter: ["data-marks", "value", "max"] });

  if (!document.hidden) open();
})();
