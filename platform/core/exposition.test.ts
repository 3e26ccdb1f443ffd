import fc from "fast-check";
import { Counter, Gauge, Registry } from "prom-client";
import { expect, it } from "vitest";
import { exposition, type Family } from "./exposition.ts";

/** The same by the library that every other page comes from. */
async function byLibrary(families: readonly Family[]): Promise<string> {
  const registry = new Registry();
  for (const { name, help, kind, series } of families) {
    const shape = { name, help, labelNames: Object.keys(series[0]?.labels ?? {}), registers: [registry] };
    const gauge = kind === "gauge" ? new Gauge(shape) : undefined;
    const counter = kind === "counter" ? new Counter(shape) : undefined;
    for (const { labels, value } of series) {
      gauge?.set(labels, value);
      counter?.inc(labels, value);
    }
  }
  return registry.metrics();
}

/** The library leaves an empty line between families. */
const linesOf = (text: string): readonly string[] => text.split("\n").filter((line) => line !== "");

/** Anything that somebody could call something. */
const word = fc.oneof(fc.string({ unit: "grapheme" }), fc.constantFrom('a"b', "a\\b", "a\nb", 'up 1\n# {x="', ""));
const labels = fc.record({ tenant: word, database: word });
const family = (name: string, kind: Family["kind"], value: fc.Arbitrary<number>): fc.Arbitrary<Family> =>
  fc.record({
    // the library takes no empty help
    ...{ name: fc.constant(name), help: word.map((text) => `Is ${text}`), kind: fc.constant(kind) },
    series: fc.uniqueArray(fc.record({ labels, value }), {
      minLength: 1,
      selector: ({ labels: { tenant, database } }) => JSON.stringify([tenant, database]),
    }),
  });

it("says the same as the library does, whatever things are called and however large they are", async () => {
  // the library writes "Nan", which Prometheus reads too; ours is the format's own word, below
  const gauges = family("a_gauge", "gauge", fc.double({ noNaN: true }));
  const counters = family("a_total", "counter", fc.double({ min: 0, noNaN: true, noDefaultInfinity: true }));
  await fc.assert(
    fc.asyncProperty(gauges, counters, async (gauge, counter) => {
      const { body, contentType } = await exposition([gauge, counter]);
      expect(linesOf(body)).toEqual(linesOf(await byLibrary([gauge, counter])));
      expect(contentType).toBe(Registry.PROMETHEUS_CONTENT_TYPE);
    }),
  );
});

it("writes what is no number, and what has no end, in the format's own words", async () => {
  const values = [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  const series = values.map((value, n) => ({ labels: { n: String(n) }, value }));
  const { body } = await exposition([{ name: "odd", help: "Odd.", kind: "gauge", series }]);
  expect(linesOf(body).slice(2)).toEqual(['odd{n="0"} NaN', 'odd{n="1"} +Inf', 'odd{n="2"} -Inf']);
});

it("lets others have their turn while a long page is written", async () => {
  const series = Array.from({ length: 50_000 }, (_, n) => ({ labels: { n: String(n) }, value: n }));
  let turns = 0;
  let writing = true;
  const turn = (): void => {
    turns += 1;
    if (writing) setImmediate(turn);
  };
  setImmediate(turn);
  const { body } = await exposition([{ name: "many", help: "Many.", kind: "gauge", series }]);
  writing = false;
  expect(linesOf(body)).toHaveLength(50_002);
  expect(turns).toBeGreaterThanOrEqual(4);
});
