import { createHmac } from "node:crypto";
import { describe, expect, test } from "vitest";
import { type Config, Secret } from "../core/index.ts";
import { remoteAmount } from "./amounts.ts";
import { verifyEvent } from "./events.ts";
import { translated } from "./failures.ts";
import { type StripeSettings, type stripeFields, stripeFrom } from "./settings.ts";

describe("an amount", () => {
  test.each([
    ["USD", 12_340_000, 1_234],
    ["USD", -10_000, -1],
    ["USD", 0, 0],
    ["JPY", 5_000_000, 5],
    ["ISK", 5_000_000, 500],
    ["KWD", 1_230_000, 1_230],
  ])("in %s of %i micro-units is %i there", (currency, micros, amount) => {
    expect(remoteAmount(micros, currency)).toEqual({ amount, currency: currency.toLowerCase() });
  });

  test.each([
    ["USD", 5_000],
    ["JPY", 500_000],
    ["KWD", 1_235_000],
    ["USD", 0.5],
    ["USD", Number.NaN],
  ])("in %s of %d micro-units is refused, not rounded", (currency, micros) => {
    expect(() => remoteAmount(micros, currency)).toThrow(/no whole amount/);
  });
});

describe("a webhook", () => {
  const nowMs = Date.UTC(2026, 4, 1);
  const secret = new Secret("whsec_of_this_endpoint");
  const event = {
    id: "evt_1",
    object: "event",
    type: "invoice.paid",
    created: nowMs / 1000,
    livemode: false,
    data: { object: { id: "in_1" } },
  };
  const sign = (body: string, { key = secret.reveal(), atMs = nowMs } = {}) =>
    `t=${atMs / 1000},v1=${createHmac("sha256", key)
      .update(`${atMs / 1000}.${body}`)
      .digest("hex")}`;
  const settings = { secret, account: "acct_ours", live: false };
  const verify = (body: string, signature: string | undefined, ms = nowMs) =>
    verifyEvent(Buffer.from(body), signature, settings, ms);
  const body = JSON.stringify(event);

  test("with the endpoint's signature is believed as far as it is read", async () => {
    expect(await verify(body, sign(body))).toEqual({
      id: "evt_1",
      type: "invoice.paid",
      object: "in_1",
      createdAt: new Date(nowMs),
    });
  });

  test("of a credit note is about its invoice", async () => {
    const credit = JSON.stringify({
      ...event,
      type: "credit_note.created",
      data: { object: { id: "cn_1", invoice: "in_7" } },
    });
    expect(await verify(credit, sign(credit))).toMatchObject({ object: "in_7" });
  });

  test.each([
    ["no signature", body, undefined, nowMs],
    ["an empty one", body, "", nowMs],
    ["nonsense", body, "t=1,v1=00", nowMs],
    ["another endpoint's", body, sign(body, { key: "whsec_another" }), nowMs],
    ["that of another body", body.replace("in_1", "in_2"), sign(body), nowMs],
    ["one that is ten minutes old", body, sign(body), nowMs + 600_000],
    ["an old scheme alone", body, sign(body).replace("v1=", "v0="), nowMs],
  ])("with %s is refused", async (_what, text, signature, ms) => {
    await expect(verify(text, signature, ms)).rejects.toMatchObject({ code: "NEB565" });
  });

  test("that is signed and no event is refused", async () => {
    for (const text of ["{}", "[]", '{"id":"evt_1","object":"event"}', JSON.stringify({ ...event, id: "in_1" })])
      await expect(verify(text, sign(text))).rejects.toMatchObject({ code: "NEB565" });
  });

  test.each([
    ["another account", { account: "acct_theirs" }],
    ["live mode", { livemode: true }],
  ])("for %s is refused although it is signed", async (_what, more) => {
    const text = JSON.stringify({ ...event, ...more });
    await expect(verify(text, sign(text))).rejects.toMatchObject({ code: "NEB566" });
  });

  test("for our account by name is taken", async () => {
    const text = JSON.stringify({ ...event, account: "acct_ours" });
    expect(await verify(text, sign(text))).toMatchObject({ id: "evt_1" });
  });
});

describe("settings", () => {
  const config = (more: object): Config<typeof stripeFields> => ({
    ...{
      NEBULA_STRIPE_KEY: new Secret("sk_test_0123456789"),
      NEBULA_STRIPE_WEBHOOK_SECRET: undefined,
      NEBULA_STRIPE_ACCOUNT: "",
    },
    ...{ NEBULA_STRIPE_URL: "https://api.stripe.com", NEBULA_STRIPE_METERS: "{}", NEBULA_STRIPE_PRICES: "" },
    ...more,
  });

  test("without a key say that there is no payment service", () => {
    expect(stripeFrom(config({ NEBULA_STRIPE_KEY: undefined }))).toBeUndefined();
  });

  test("tell the mode by the key", () => {
    expect(stripeFrom(config({}))?.live).toBe(false);
    const live = stripeFrom(
      config({ NEBULA_STRIPE_KEY: new Secret("rk_live_0123456789"), NEBULA_STRIPE_PRICES: "price_1, price_2" }),
    );
    expect(live satisfies StripeSettings | undefined).toMatchObject({
      live: true,
      account: null,
      prices: ["price_1", "price_2"],
    });
  });

  test.each([
    [{ NEBULA_STRIPE_KEY: new Secret("pk_test_0123456789") }],
    [{ NEBULA_STRIPE_ACCOUNT: "ours" }],
    [{ NEBULA_STRIPE_URL: "api.stripe.com" }],
    [{ NEBULA_STRIPE_URL: "https://user@api.stripe.com" }],
    [{ NEBULA_STRIPE_METERS: "[1]" }],
    [{ NEBULA_STRIPE_METERS: '{"egress_bytes":{"meter":"1"}}' }],
  ])("that cannot be meant are refused without repeating a key: %j", (more) => {
    expect(() => stripeFrom(config(more))).toThrow(expect.objectContaining({ code: "NEB901" }));
    expect(() => stripeFrom(config(more))).not.toThrow(/0123456789/);
  });
});

describe("a failure", () => {
  const failed = (thrown: object) => translated("an invoice", Promise.reject(thrown)).catch((fault: unknown) => fault);

  test.each([
    [{ statusCode: 500 }, "NEB562", true],
    [{ statusCode: 429 }, "NEB562", true],
    [{ statusCode: 409 }, "NEB562", true],
    [{ type: "StripeConnectionError" }, "NEB562", true],
    [{ statusCode: 401, message: "Invalid API Key provided: sk_test_secret" }, "NEB564", false],
    [{ statusCode: 400, message: "No such customer" }, "NEB563", false],
  ])("%j is %s", async (thrown, code, retry) => {
    expect(await failed(thrown)).toMatchObject({ code, retry });
  });

  test("repeats no key", async () => {
    for (const statusCode of [400, 401])
      expect(
        JSON.stringify(await failed({ statusCode, message: "with sk_live_abc123 and rk_test_def456" })),
      ).not.toMatch(/abc123|def456/);
    expect(String(await failed({ statusCode: 400, message: "with sk_live_abc123" }))).not.toContain("abc123");
  });
});
