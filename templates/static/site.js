// Niceties only: every page works without this.
"use strict";

// Guess a new reader's time zone from their device.
for (const zone of document.querySelectorAll("select[data-guess]")) {
  const guess = Intl.DateTimeFormat().resolvedOptions().timeZone;
  if ([...zone.options].some((option) => option.value === guess)) zone.value = guess;
}

// Choosing a category is enough; its button is for those without script.
for (const form of document.querySelectorAll("form.filter")) {
  form.querySelector("select").addEventListener("change", () => form.requestSubmit());
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
