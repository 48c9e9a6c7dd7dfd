// What a person chose for this browser: how often to refresh, and light or dark.
import { Signal } from "./signal.js";

export const INTERVALS_S = [0, 1, 2, 5, 10, 30, 60];
export const THEMES = ["auto", "light", "dark"];
const INTERVAL_DEFAULT_S = 5;

function read(key, allowed, fallback) {
  try {
    const value = localStorage.getItem(key);
    return allowed.find((one) => String(one) === value) ?? fallback;
  } catch {
    return fallback; // storage may be forbidden; the choice then lasts as long as the page
  }
}

function kept(key, allowed, fallback) {
  const signal = new Signal(read(key, allowed, fallback));
  signal.follow((value) => {
    try {
      localStorage.setItem(key, String(value));
    } catch {
      // see above
    }
  });
  return signal;
}

export const interval = kept("leveret.interval", INTERVALS_S, INTERVAL_DEFAULT_S);
export const theme = kept("leveret.theme", THEMES, "auto");

function dress(name) {
  document.documentElement.dataset.theme = name;
}
theme.follow(dress);
dress(theme.value);
