import { test as vitest } from "vitest";
import type { Bench } from "./target.ts";

/** What a part of the suite gets: the bench once it is open, and `test`, which knows what the target cannot. */
export type Suite = {
  bench(): Bench;
  test(name: string, body: () => Promise<void>): void;
};

/** A test that the target cannot run is shown as skipped with its reason; the list is in the target, by name. */
export function suiteTest(bench: () => Bench, cannot: Readonly<Record<string, string>>): Suite {
  const used = new Set<string>();
  return {
    bench,
    test(name, body) {
      if (used.has(name)) throw new Error(`two conformance tests are called "${name}"`);
      used.add(name);
      const reason = cannot[name];
      if (reason === undefined) vitest(name, body);
      else vitest.skip(`${name} (${reason})`, body);
    },
  };
}
