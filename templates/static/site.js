// Optional: every page works without this script.
"use strict";

// The time zone of the device: preselected for a new subscriber, and sent along with a sign-up.
const guess = Intl.DateTimeFormat().resolvedOptions().timeZone;
for (const zone of document.querySelectorAll("select[data-guess]")) {
  if ([...zone.options].some((option) => option.value === guess)) zone.value = guess;
}
for (const field of document.querySelectorAll("input[data-zone]")) {
  field.value ||= guess;
  const shown = field.form.querySelector(".zone");
  if (shown) shown.textContent = `(${field.value.replaceAll("_", " ")})`;
}

// The preview is updated while the form is edited. Without this script, the button requests it; with it, the button
// scrolls to the preview, and is shown only where the preview is not beside the form.
for (const form of document.querySelectorAll("form[data-preview]")) {
  const button = form.querySelector("button.peek");
  const preview = document.getElementById("preview");
  let requested = "";
  let waiting = 0;
  let request = new AbortController();

  const show = (page) => {
    const found = new DOMParser().parseFromString(page, "text/html");
    const isWrong = found.querySelector(".preview.wrong") !== null;
    preview.classList.toggle("wrong", isWrong);
    document.getElementById("preview-said").textContent = found.getElementById("preview-said").textContent;
    // A form that cannot be saved yet, such as half a category, leaves the previous papers in place.
    if (isWrong) return;
    for (const id of ["preview-heading", "preview-papers", "starters"]) {
      const [now, then] = [document.getElementById(id), found.getElementById(id)];
      if (!now || !then) continue;
      // The list that holds the focus stays: a box that is ticked must not vanish. What the visitor unfolded stays open.
      if (id === "starters" && now.contains(document.activeElement)) continue;
      if (now.querySelector("details")?.open) then.querySelector("details")?.setAttribute("open", "");
      now.replaceWith(then);
    }
  };
  const ask = (fields, signal) =>
    form.method === "get"
      ? fetch(`${form.dataset.preview}?${fields}`, { signal })
      : fetch(form.dataset.preview, { method: "POST", body: fields, signal });
  const update = async () => {
    const fields = new URLSearchParams(new FormData(form));
    // It is of no use for a preview.
    fields.delete("zotero_key");
    if (form.method === "post") fields.set("part", "preview");
    if (fields.toString() === requested) return;
    requested = fields.toString();
    request.abort();
    request = new AbortController();
    const { signal } = request;
    preview.ariaBusy = "true";
    try {
      const answer = await ask(fields, signal);
      if (answer.ok) show(await answer.text());
    } catch (error) {
      // Aborted by further typing, or failed: the next change requests it again.
      if (!signal.aborted) requested = "";
    }
    if (!signal.aborted) preview.ariaBusy = "false";
  };
  const look = (event) => {
    event.preventDefault();
    update();
    preview.focus({ preventScroll: true });
    preview.scrollIntoView();
  };
  form.addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(update, 300);
    for (const copy of document.querySelectorAll("input[data-copy]")) {
      copy.value = form.elements[copy.dataset.copy].value;
    }
  });
  if (form.method === "get") form.addEventListener("submit", look);
  else button.addEventListener("click", look);
  // Examples of what can be typed.
  for (const link of form.querySelectorAll("a[data-words]")) {
    link.addEventListener("click", (event) => {
      event.preventDefault();
      form.elements.topics.value = link.textContent;
      form.elements.topics.dispatchEvent(new Event("input", { bubbles: true }));
    });
  }
  document.body.classList.add("live");
  // A browser that returns to the page restores what was typed.
  const isRestored = form.method === "get" && form.elements.topics.value !== form.elements.topics.defaultValue;
  if (isRestored || (form.method === "post" && !preview.querySelector("li"))) {
    form.dispatchEvent(new Event("input"));
  }
}

// Ignore a second press of the same button.
for (const form of document.querySelectorAll('form[method="post"]')) {
  form.addEventListener("submit", (event) => {
    if (form.dataset.sent) event.preventDefault();
    form.dataset.sent = "yes";
  });
}
addEventListener("pageshow", () => {
  for (const form of document.querySelectorAll("form[data-sent]")) delete form.dataset.sent;
});
