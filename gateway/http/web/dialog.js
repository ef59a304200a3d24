// SPDX-License-Identifier: Apache-2.0
// One dialog for all questions: the browser's own, so that focus and Escape behave.
import { h, namesake } from "./dom.js";

function input(field) {
  if (field.choices)
    return h("select", { id: `ask-${field.name}`, name: field.name }, field.choices.map(([value, text]) => h("option", { value }, text)));
  return h("input", { id: `ask-${field.name}`, name: field.name, type: field.type || "text", value: field.value?.() ?? "",
    required: !field.optional, maxlength: field.max || 200, autocomplete: field.autocomplete || "off" });
}

// Resolves with true when run(fields) went well, with false when the question was left. An error that run() throws is
// shown, and the question stays. must: it cannot be left.
export function ask({ title, text, fields = [], action, run, must = false }) {
  const dialog = document.getElementById("dialog");
  const opener = document.activeElement;
  const error = h("p", { class: "error", role: "alert", hidden: true });
  const submit = h("button", { type: "submit", class: "primary" }, action);
  const cancel = h("button", { type: "button", onclick: () => dialog.close() }, "Cancel");
  const form = h("form", { method: "dialog" },
    h("h2", { id: "ask-title" }, title),
    text && h("p", {}, text),
    fields.map((field) => h("label", { for: `ask-${field.name}` }, h("span", {}, field.label, field.optional && h("em", {}, " optional")), input(field))),
    error,
    h("div", { class: "buttons" }, !must && cancel, submit));
  dialog.setAttribute("aria-labelledby", "ask-title");
  dialog.replaceChildren(form);
  return new Promise((resolve) => {
    let done = false;
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      submit.disabled = true;
      try {
        await run(Object.fromEntries(new FormData(form)));
        done = true;
        dialog.close();
      } catch (e) {
        error.textContent = e.hint ? `${e.message}: ${e.hint}` : e.message;
        error.hidden = false;
      }
      submit.disabled = false;
    });
    dialog.oncancel = (event) => {
      if (must) event.preventDefault(); // and nothing is returned: false would keep it open too
    };
    dialog.onclose = () => {
      if (!opener?.isConnected) { // the alerts were shown anew meanwhile, perhaps without this one
        const main = document.getElementById("main");
        ((opener && namesake(main, opener)) ?? main).focus({ preventScroll: true });
      }
      resolve(done);
    };
    if (!dialog.open) dialog.showModal();
  });
}
