import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { eventKey, parseEvent, typeOf } from "./event.ts";
import { judge } from "./judge.ts";

const delta = {
  specversion: "1.0",
  id: "e-1",
  source: "https://edge.example/eu-1",
  type: typeOf("delta"),
  subject: "acme/shop/orders",
  time: "2026-05-31T23:10:00Z",
  data: { meter: "egress_bytes", quantity: "1048576", from: "2026-05-31T22:50:00Z" },
};
const nowMs = Date.UTC(2026, 5, 1);
const changed = (change: object, data: object = {}) =>
  parseEvent({ ...delta, ...change, data: { ...delta.data, ...data } });
const reasonOf = (parsed: ReturnType<typeof parseEvent>) => (parsed.kind === "bad" ? parsed.reason : "");

describe("an event", () => {
  test("is understood, with attributes that are somebody's extension", () => {
    expect(parseEvent({ ...delta, traceparent: "00-x", datacontenttype: "application/json" })).toEqual({
      kind: "event",
      event: {
        ...{ key: eventKey(delta.source, "e-1"), source: delta.source, id: "e-1", kind: "delta" },
        ...{ instance: "acme.shop.orders", meter: "egress_bytes", micros: 1_048_576_000_000n },
        ...{ sinceMs: Date.UTC(2026, 4, 31, 22, 50), atMs: Date.UTC(2026, 4, 31, 23, 10), epoch: "", reason: null },
      },
    });
  });

  test("is judged or refused with a reason, whatever its time says, and its times are numbers", () => {
    const part = (...values: readonly string[]) => fc.constantFrom(...values);
    const time = fc
      .tuple(
        fc.tuple(
          part("0000", "1969", "2024", "2026", "9999"),
          part("00", "01", "02", "12", "13"),
          part("00", "01", "29", "31"),
        ),
        fc.tuple(part("00", "23", "24"), part("00", "59", "60"), part("", ":00", ":60", ":30.123456789", ":30.")),
        part("Z", "z", "", "+00:00", "-23:59", "+14:00", "+24:00", "+0100"),
      )
      .map(([date, [hour, minute, second], zone]) => `${date.join("-")}T${hour}:${minute}${second}${zone}`);
    fc.assert(
      fc.property(time, time, (at, from) => {
        const parsed = changed({ time: at }, { from });
        if (parsed.kind === "bad") {
          expect(parsed.reason).not.toBe("");
          return;
        }
        const { atMs, sinceMs } = parsed.event;
        expect(Number.isFinite(atMs) && Number.isFinite(sinceMs)).toBe(true);
        judge(parsed.event, { id: "acme.shop.orders", placement: "local", commit: null }, nowMs);
      }),
      { numRuns: 2_000 },
    );
  });

  test("has one key for its source and id, and a UUID's form", () => {
    expect(eventKey("a", "b")).toBe(eventKey("a", "b"));
    expect(eventKey("a", "b,c")).not.toBe(eventKey("a,b", "c"));
    expect(eventKey("a", "b")).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-8[0-9a-f]{3}-[0-9a-f]{12}$/);
  });

  test.each([
    ["another version", { specversion: "0.3" }, {}, "specversion"],
    ["no id", { id: "" }, {}, "id"],
    ["no source", { source: undefined }, {}, "source"],
    ["a type that is none", { type: "usage" }, {}, "type"],
    ["a subject that is no database", { subject: "acme.shop.orders" }, {}, "subject"],
    ["a time without a zone", { time: "2026-05-31T23:10:00" }, {}, "time"],
    ["no meter of ours", {}, { meter: "cpu" }, "data.meter"],
    ["a quantity that is no number", {}, { quantity: "NaN" }, "data.quantity"],
    ["an infinite one", {}, { quantity: Number.POSITIVE_INFINITY }, "data.quantity"],
    ["a negative one", {}, { quantity: "-1" }, "negative"],
    ["one that is no exact number", {}, { quantity: 1.5 }, "data.quantity"],
    ["more places than are kept", {}, { quantity: "0.0000001" }, "data.quantity"],
    ["an id that no ledger can keep", { id: "a\u0000" }, {}, "id"],
    ["half a character", { source: "\ud800" }, {}, "source"],
    ["a time that ends before it begins", {}, { from: "2026-05-31T23:10:00Z" }, "data.from"],
    ["a field that is none", {}, { unit: "GB" }, "data"],
    ["an epoch of a delta", {}, { epoch: "x" }, "data.epoch"],
    ["a reason of a delta", {}, { reason: "because" }, "data.reason"],
    ["a correction that does not say why", { type: typeOf("correction") }, { from: undefined }, "data.reason"],
    [
      "a correction of nothing",
      { type: typeOf("correction") },
      { from: undefined, quantity: "0.0", reason: "why" },
      "nothing",
    ],
    ["a level of a time", { type: typeOf("level") }, {}, "data.from"],
  ])("with %s is refused, and the reason names it", (_, change, data, named) => {
    expect(reasonOf(changed(change, data))).toContain(named);
  });

  test("that is no object at all is refused", () => {
    for (const raw of [null, 1, "x", [], {}]) expect(parseEvent(raw).kind).toBe("bad");
  });
});

describe("an event that is understood", () => {
  const target = { id: "acme.shop.orders", placement: "local", commit: null };
  const codeOf = (change: object, data: object = {}, at = nowMs, on: typeof target | null = target) => {
    const parsed = changed(change, data);
    if (parsed.kind === "bad") throw new Error(parsed.reason);
    return judge(parsed.event, on ?? undefined, at)?.definition.code;
  };
  const level = { type: typeOf("level") };
  const noFrom = { from: undefined };

  test("is taken, or refused with a code", () => {
    expect(codeOf({})).toBeUndefined();
    expect(codeOf({}, {}, nowMs, null)).toBe("NEB504");
    expect(codeOf(level, { ...noFrom, meter: "storage_byte_hours" })).toBe("NEB505");
    expect(codeOf(level, noFrom)).toBe("NEB505");
    expect(codeOf({ time: "2026-06-01T00:02:00Z" })).toBe("NEB507");
    expect(codeOf({ time: "2026-06-01T00:00:30Z" })).toBeUndefined();
    expect(codeOf({}, {}, nowMs + 48 * 3_600_000)).toBe("NEB506");
    expect(codeOf({}, { from: "2026-05-30T22:00:00Z" })).toBe("NEB506");
  });

  test("may be a level where the placement is not measured here", () => {
    const aws = { ...target, placement: "aws" };
    expect(codeOf(level, { ...noFrom, meter: "provisioned_unit_seconds" }, nowMs, aws)).toBeUndefined();
    expect(codeOf(level, { ...noFrom, meter: "compute_unit_seconds" }, nowMs, aws)).toBe("NEB505");
    expect(codeOf({ type: typeOf("counter") }, noFrom, nowMs, aws)).toBeUndefined();
  });

  test("may correct any meter of a closed hour, and no open one", () => {
    const correction = { type: typeOf("correction") };
    const why = { ...noFrom, meter: "storage_byte_hours", quantity: "-3", reason: "counted twice" };
    expect(codeOf(correction, why)).toBeUndefined();
    expect(codeOf(correction, why, nowMs - 1)).toBe("NEB507");
    expect(codeOf(correction, why, nowMs + 401 * 86_400_000)).toBe("NEB506");
  });
});
