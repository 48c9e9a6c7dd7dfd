// Reads something again and again: one request at a time, none while the tab is hidden.
import { useEffect, useRef, useState } from "./html.js";
import { interval } from "./settings.js";
import { Signal } from "./signal.js";

const RETRY_MS_MIN = 5000;

/** Set to make everything that is polled be read now. */
export const refreshes = new Signal(0);
export const refresh = () => refreshes.set(refreshes.value + 1);

class Poller {
  constructor(load, tell, calm) {
    this.load = load;
    this.tell = tell;
    this.calm = calm;
    this.running = null;
    this.timer = 0;
    this.again = false;
    this.ended = false;
    this.unfollow = [refreshes.follow(() => this.now()), interval.follow(() => this.plan(false))];
    this.wake = () => (document.hidden ? clearTimeout(this.timer) : this.calm || this.now());
    document.addEventListener("visibilitychange", this.wake);
    this.now();
  }

  /** Reads now, or once more as soon as the read that is under way has ended. */
  now() {
    if (this.running) this.again = true;
    else this.read();
  }

  async read() {
    clearTimeout(this.timer);
    this.running = new AbortController();
    let problem = null;
    try {
      const data = await this.load(this.running.signal);
      if (!this.ended) this.tell({ data, problem: null });
    } catch (error) {
      if (this.ended || error.name === "AbortError") return;
      problem = error;
      this.tell({ problem });
    }
    this.running = null;
    if (this.ended) return;
    if (this.again) {
      this.again = false;
      this.read();
    } else this.plan(problem !== null);
  }

  plan(failed) {
    clearTimeout(this.timer);
    if (this.calm || !interval.value || document.hidden || this.running || this.ended) return;
    const ms = interval.value * 1000;
    this.timer = setTimeout(() => this.read(), failed ? Math.max(ms, RETRY_MS_MIN) : ms);
  }

  end() {
    this.ended = true;
    clearTimeout(this.timer);
    this.running?.abort();
    this.unfollow.forEach((unfollow) => unfollow());
    document.removeEventListener("visibilitychange", this.wake);
  }
}

/**
 * What `load(signal)` gave last: {data, problem}. It is asked again as the settings say, at `refresh()`, and when
 * `key` changes; what was read before stays until there is news. Where `calm`, only at `refresh()` and such a change:
 * for what costs the broker much.
 */
export function usePoll(load, key, calm = false) {
  const [state, setState] = useState({ data: undefined, problem: null });
  const latest = useRef(load);
  latest.current = load;
  useEffect(() => {
    const poller = new Poller((signal) => latest.current(signal), (news) => setState((old) => ({ ...old, ...news })), calm);
    return () => poller.end();
  }, [key]);
  return state;
}
