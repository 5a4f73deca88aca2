// Niceties only: every page works without this.
"use strict";

// Guess a new subscriber's time zone from their device.
for (const zone of document.querySelectorAll("select[data-guess]")) {
  const guess = Intl.DateTimeFormat().resolvedOptions().timeZone;
  if ([...zone.options].some((option) => option.value === guess)) zone.value = guess;
}

// What a form would bring, shown while it is being filled in. Without script its button asks for it; with script the
// button leads there, and stands only where the preview is not beside the form.
for (const form of document.querySelectorAll("form[data-preview]")) {
  const button = form.querySelector("button[formaction]");
  const preview = document.getElementById("preview");
  let asked = "";
  let waiting = 0;
  let request = new AbortController();

  const show = (page) => {
    const found = new DOMParser().parseFromString(page, "text/html");
    const isWrong = found.querySelector(".preview.wrong") !== null;
    preview.classList.toggle("wrong", isWrong);
    document.getElementById("preview-said").textContent = found.getElementById("preview-said").textContent;
    // What cannot be saved as it stands, such as half a category, leaves the papers shown before.
    if (isWrong) return;
    for (const id of ["preview-heading", "preview-papers"]) {
      document.getElementById(id).replaceWith(found.getElementById(id));
    }
  };
  const look = async () => {
    const fields = new URLSearchParams(new FormData(form));
    fields.set("part", "preview");
    if (fields.toString() === asked) return;
    asked = fields.toString();
    request.abort();
    request = new AbortController();
    const { signal } = request;
    preview.ariaBusy = "true";
    try {
      const answer = await fetch(button.formAction, { method: "POST", body: fields, signal });
      if (answer.ok) show(await answer.text());
    } catch (error) {
      // Typing on cut it off, or the network did: the next key asks again.
      if (!signal.aborted) asked = "";
    }
    if (!signal.aborted) preview.ariaBusy = "false";
  };
  form.addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(look, 300);
  });
  button.addEventListener("click", (event) => {
    event.preventDefault();
    preview.focus({ preventScroll: true });
    preview.scrollIntoView();
  });
  form.classList.add("live");
  if (!preview.querySelector("li")) look();
}

// A second press of the same button is a slip.
for (const form of document.querySelectorAll('form[method="post"]')) {
  form.addEventListener("submit", (event) => {
    if (form.dataset.sent) event.preventDefault();
    form.dataset.sent = "yes";
  });
}
addEventListener("pageshow", () => {
  for (const form of document.querySelectorAll("form[data-sent]")) delete form.dataset.sent;
});
