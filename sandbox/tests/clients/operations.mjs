// Watches which functions of a client its scripts call, without touching the client. At the end a script writes the
// client's public functions and those of them that it called to the file that OPERATIONS names.

import { writeFileSync } from "node:fs";

const called = new Set();
const known = new Set();

/** The client, seen through a glass. */
export function watched(client) {
  for (let part = client; part !== Object.prototype; part = Object.getPrototypeOf(part)) {
    for (const name of Object.getOwnPropertyNames(part)) {
      if (name !== "constructor" && typeof client[name] === "function") known.add(name);
    }
  }
  return new Proxy(client, {
    get(target, name) {
      if (!known.has(name)) return target[name];
      return (...args) => {
        called.add(name);
        return target[name](...args);
      };
    },
  });
}

process.on("exit", () => {
  writeFileSync(process.env.OPERATIONS, JSON.stringify({ public: [...known], called: [...called] }));
});
