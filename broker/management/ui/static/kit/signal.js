// A value that components follow. Must not: know what the value is.
import { useEffect, useState } from "./html.js";

export class Signal {
  constructor(value) {
    this.value = value;
    this.followers = new Set();
  }

  /** Sets the value and tells everybody who follows it. */
  set(value) {
    this.value = value;
    for (const follower of [...this.followers]) follower(value);
  }

  /** Calls `follower` at every change until the function it returns is called. */
  follow(follower) {
    this.followers.add(follower);
    return () => this.followers.delete(follower);
  }
}

/** The value of a signal; the component is drawn again when it changes. */
export function useSignal(signal) {
  const [, draw] = useState(0);
  useEffect(() => signal.follow(() => draw((count) => count + 1)), [signal]);
  return signal.value;
}
