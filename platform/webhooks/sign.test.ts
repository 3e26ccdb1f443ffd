import { describe, expect, test } from "vitest";
import { Secret } from "../core/index.ts";
import { makeBackoff } from "./backoff.ts";
import { signedHeaders, signingKey } from "./sign.ts";

describe("a signature", () => {
  test("is the one that the standard's own libraries make", () => {
    const key = signingKey(new Secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"), "hook");
    const message = { id: "msg_p5jXN8AQM9LWM0D4loKWxJek", body: '{"test": 2432232314}' };
    expect(signedHeaders(key, message, 1614265330_000)).toMatchObject({
      "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
      "webhook-timestamp": "1614265330",
      "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    });
  });

  test.each([
    undefined,
    "",
    "hunter2",
    "whsec_",
    "whsec_c2hvcnQ=",
    `whsec_${"A".repeat(200)}`,
    "whsec_not base64 at all!!",
  ])("is never made with %s, which is never shown either", (text) => {
    const make = () => signingKey(text === undefined ? undefined : new Secret(text), "hook");
    expect(make).toThrow(/hook is not whsec_/);
  });
});

describe("a message that failed", () => {
  const backoff = makeBackoff(() => 0);
  const next = (attempts: number, more = {}) => backoff({ attempts, ageMs: 0, status: 500, ...more });

  test("waits longer each time, and is dead after a day", () => {
    const waits = Array.from({ length: 10 }, (_, index) => next(index + 1));
    const times = waits.map((one) => (one.kind === "later" ? one.afterMs : Number.NaN));
    expect(times).toEqual([...times].sort((a, b) => a - b));
    const total = times.reduce((sum, ms) => sum + ms, 0);
    expect(total).toBeGreaterThan(20 * 3_600_000);
    expect(total).toBeLessThan(24 * 3_600_000);
    expect(next(11)).toEqual({ kind: "dead" });
    expect(next(1, { ageMs: 25 * 3_600_000 })).toEqual({ kind: "dead" });
    expect(next(1, { status: 410 })).toEqual({ kind: "dead" });
  });
});
