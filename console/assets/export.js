"use strict";
(async () => {
  const moments = JSON.parse(document.querySelector("#moments").textContent);
  const slider = document.querySelector("#slider");
  const marks = ["at", "done", "failed", "undone", "stopped"];
  const text = (id, value) => { document.querySelector(id).textContent = value; };
  let canvas = null, registry = null;
  const show = () => {
    const m = moments[slider.value - 1];
    text("#n", slider.value + " of " + moments.length);
    text("#state", m.state + (m.stop ? " (" + m.stop + ")" : ""));
    text("#type", m.type);
    text("#at", m.at);
    text("#payload", m.payload);
    if (!canvas) return;
    const now = JSON.parse(m.marks);
    registry.forEach((element) => marks.forEach((k) => {
      if (now[element.id] === k) canvas.addMarker(element.id, k);
      else canvas.removeMarker(element.id, k);
    }));
  };
  slider.addEventListener("input", show);
  show();
  const drawn = document.querySelector("#drawn").textContent;
  if (!drawn) return;
  const viewer = new BpmnJS({ container: document.querySelector(".diagram") });
  await viewer.importXML(drawn);
  canvas = viewer.get("canvas");
  registry = viewer.get("elementRegistry");
  canvas.zoom("fit-viewport", "auto");
  show();
  document.body.dataset.ready = "true";
})();
