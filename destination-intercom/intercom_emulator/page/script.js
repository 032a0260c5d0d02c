// Keeps the live parts of the page up to date; everything else works without it.
"use strict";

const SECONDS = 2;
const line = document.getElementById("refresh");
const told = document.createElement("span");
const button = document.createElement("button");
let paused = false;

button.type = "button";
button.textContent = "Pause updates";
button.addEventListener("click", () => {
  paused = !paused;
  button.textContent = paused ? "Go on updating" : "Pause updates";
});
line.append(button, " ", told);
line.hidden = false;

// What a visitor has unfolded stays so, and the focus stays where it was.
function replace(old, fresh) {
  for (const each of old.querySelectorAll("details[open]")) {
    const same = each.id && fresh.querySelector("#" + CSS.escape(each.id));
    if (same) same.open = true;
  }
  const focused = old.contains(document.activeElement) ? document.activeElement : null;
  const [selector, index] = focused ? find(old, focused) : ["", 0];
  const scrolled = [...old.querySelectorAll("pre")].map((each) => each.scrollTop);
  old.replaceWith(document.adoptNode(fresh));
  fresh.querySelectorAll("pre").forEach((each, number) => { each.scrollTop = scrolled[number] || 0; });
  if (selector) {
    const same = fresh.querySelectorAll(selector);
    const next = same[Math.min(index, same.length - 1)];
    if (next) next.focus({ preventScroll: true });
  }
}

function find(part, focused) {
  const href = focused.getAttribute("href");
  const name = focused.tagName.toLowerCase();
  const selector = href ? `a[href="${CSS.escape(href)}"]` : name;
  return [selector, [...part.querySelectorAll(selector)].indexOf(focused)];
}

async function refresh() {
  const answer = await fetch(location.href, { cache: "no-store" });
  if (answer.status === 404) return "This is no longer there.";
  if (!answer.ok) throw new Error(String(answer.status));
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  // An answer that was on its way when somebody paused must not move what they read.
  if (paused) return told.textContent;
  const selected = String(getSelection());
  for (const old of document.querySelectorAll("[data-live]")) {
    const fresh = page.getElementById(old.id);
    const folded = (part) => part.innerHTML.replaceAll(/(<details[^>]*?) open=""/g, "$1");
    if (fresh && !selected && folded(fresh) !== folded(old)) replace(old, fresh);
  }
  return "Updated " + new Date().toISOString().slice(11, 19);
}

async function keep() {
  if (!paused && document.visibilityState === "visible") {
    try {
      told.textContent = await refresh();
    } catch {
      told.textContent = "The emulator does not answer any more.";
    }
  }
  setTimeout(keep, SECONDS * 1000);
}

setTimeout(keep, SECONDS * 1000);
