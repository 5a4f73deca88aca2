// Optional: every page works without this script.
"use strict";

// Preselect the time zone of the device for a new subscriber.
for (const zone of document.querySelectorAll("select[data-guess]")) {
  const guess = Intl.DateTimeFormat().resolvedOptions().timeZone;
  if ([...zone.options].some((option) => option.value === guess)) zone.value = guess;
}

// The preview is updated while the form is edited. Without this script, the button requests it; with it, the button
// scrolls to the preview, and is shown only where the preview is not beside the form.
for (const form of document.querySelectorAll("form[data-preview]")) {
  const button = form.querySelector("button[formaction]");
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
    for (const id of ["preview-heading", "preview-papers"]) {
      document.getElementById(id).replaceWith(found.getElementById(id));
    }
  };
  const update = async () => {
    const fields = new URLSearchParams(new FormData(form));
    fields.set("part", "preview");
    if (fields.toString() === requested) return;
    requested = fields.toString();
    request.abort();
    request = new AbortController();
    const { signal } = request;
    preview.ariaBusy = "true";
    try {
      const answer = await fetch(button.formAction, { method: "POST", body: fields, signal });
      if (answer.ok) show(await answer.text());
    } catch (error) {
      // Aborted by further typing, or failed: the next change requests it again.
      if (!signal.aborted) requested = "";
    }
    if (!signal.aborted) preview.ariaBusy = "false";
  };
  form.addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(update, 300);
  });
  button.addEventListener("click", (event) => {
    event.preventDefault();
    preview.focus({ preventScroll: true });
    preview.scrollIntoView();
  });
  form.classList.add("live");
  if (!preview.querySelector("li")) update();
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
