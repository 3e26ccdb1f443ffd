import { createHmac } from "node:crypto";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { SMTPServer } from "smtp-server";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { guardedFetch, type Observation, Secret } from "../../platform/core/index.ts";
import { makeMailer } from "../../platform/mail/index.ts";
import { channelsOf, makeNotifier, type News, type Notifier, tell } from "../../platform/notify/index.ts";
import type { ChannelSpec } from "../../platform/spec/index.ts";
import { claimMessages, listNotifications, replayMessages } from "../../platform/store/index.ts";
import { type TestDatabase, testDatabase } from "../harness/postgres.ts";
import { declareWatched, everything, forgetWatched, testClock } from "./watch-ground.ts";

type Got = { readonly path: string; readonly headers: Record<string, string>; readonly body: string };

const start = Date.UTC(2026, 4, 10);
const hookKey = Buffer.alloc(32, 5);
const clock = testClock(start);
let db: TestDatabase;
let web: Server;
let smtp: SMTPServer;
let base: string;
let mailUrl: string;
let answers: (path: string) => number;
const got: Got[] = [];
const mails: string[] = [];
const observed: Observation[] = [];
let notifier: Notifier;
let mailer: ReturnType<typeof makeMailer>;

beforeAll(async () => {
  db = await testDatabase();
  web = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const path = request.url ?? "";
      got.push({
        path,
        headers: request.headers as Record<string, string>,
        body: Buffer.concat(chunks).toString("utf8"),
      });
      const status = answers(path);
      if (status === 0) return void request.socket.destroy();
      response.writeHead(status, { location: "http://127.0.0.1:1/elsewhere" }).end();
    });
  });
  await new Promise<void>((resolve) => web.listen(0, "127.0.0.1", resolve));
  base = `http://127.0.0.1:${(web.address() as AddressInfo).port}`;
  smtp = new SMTPServer({
    authOptional: true,
    disabledCommands: ["STARTTLS"],
    onData(stream, _session, done) {
      const chunks: Buffer[] = [];
      stream.on("data", (chunk: Buffer) => chunks.push(chunk));
      stream.on("end", () => {
        mails.push(Buffer.concat(chunks).toString("utf8"));
        done();
      });
    },
  });
  const listening = smtp.listen(0, "127.0.0.1");
  await new Promise<void>((resolve) => void listening.once("listening", resolve));
  mailUrl = `smtp://127.0.0.1:${(listening.address() as AddressInfo).port}`;
});
afterAll(async () => {
  mailer?.close();
  web?.closeAllConnections();
  await new Promise<void>((resolve) => (web === undefined ? resolve() : web.close(() => resolve())));
  await new Promise<void>((resolve) => (smtp === undefined ? resolve() : smtp.close(() => resolve())));
  await db?.close();
});
beforeEach(async () => {
  await forgetWatched(db.sql);
  for (const list of [got, mails, observed]) list.length = 0;
  answers = () => 204;
  clock.at(start);
  mailer?.close();
  mailer = makeMailer({ url: new Secret(mailUrl), from: "NebulaDB <nebuladb@localhost>", folder: "/nowhere" });
  notifier = make();
});

const secrets: Record<string, () => string> = {
  hook: () => `whsec_${hookKey.toString("base64")}`,
  "ops-slack": () => `${base}/services/T0/B0/very-secret`,
};
const make = (inside = [new URL(base).host]): Notifier =>
  makeNotifier({
    ...{ sql: db.sql, clock, mailer, observe: (one) => void observed.push(one) },
    fetch: guardedFetch({ inside }, { timeoutMs: 10_000 }),
    secrets: {
      get: async (tenant, name) =>
        tenant === "shop" && Object.hasOwn(secrets, name) ? new Secret(secrets[name]?.() ?? "") : undefined,
    },
  });

const webhook = (more: Partial<ChannelSpec> = {}): ChannelSpec =>
  ({ kind: "webhook", url: `${base}/hook`, secret: "hook", about: everything, ...more }) as ChannelSpec;
const email: ChannelSpec = { kind: "email", address: "ops@shop.example", about: everything };
const slack: ChannelSpec = { kind: "slack", secret: "ops-slack", about: everything };
const news = (about: string, more: Partial<News<"invoice.paid">> = {}): News => ({
  ...{ kind: "invoice.paid", about, tenant: "shop", project: null, at: new Date(start) },
  data: { number: "INV-000001", month: "2026-04", total: { amount: "12.50", currency: "USD" } },
  ...more,
});
const states = async () =>
  (await listNotifications(db.sql, { tenant: "shop", projects: null }, { beforeSeq: null, limit: 100 })).flatMap(
    ({ id, messages }) => messages.map(({ state, attempts }) => `${id} ${state} ${attempts}`),
  );

describe("news", () => {
  test("reaches a webhook signed, Slack as its text, and a mailbox, once each", async () => {
    await declareWatched(db.sql, { shop: { notify: [webhook(), slack, email] } });
    await tell(db.sql, news("a<b"));
    expect(await tell(db.sql, news("a<b"))).toBe(false);
    expect(await notifier.pass()).toBe(3);
    expect(await notifier.pass()).toBe(0);
    const [hook, text] = [
      got.find(({ path }) => path === "/hook"),
      got.find(({ path }) => path.startsWith("/services")),
    ];
    expect(got).toHaveLength(2);
    const { "webhook-id": id = "", "webhook-timestamp": at = "", "webhook-signature": signature } = hook?.headers ?? {};
    expect(signature).toBe(`v1,${createHmac("sha256", hookKey).update(`${id}.${at}.${hook?.body}`).digest("base64")}`);
    expect(JSON.parse(hook?.body ?? "")).toEqual({
      type: "invoice.paid",
      timestamp: new Date(start).toISOString(),
      data: {
        ...{ tenant: "shop", project: null, title: "Invoice INV-000001 of shop is paid: 12.50 USD" },
        ...{ number: "INV-000001", month: "2026-04", total: { amount: "12.50", currency: "USD" } },
      },
    });
    expect(JSON.parse(text?.body ?? "")).toEqual({ text: "*Invoice INV-000001 of shop is paid: 12.50 USD*" });
    expect(mails).toHaveLength(1);
    expect(mails[0]).toMatch(/^To: ops@shop.example/m);
    expect(mails[0]).toMatch(/^Subject: Invoice INV-000001 of shop is paid: 12.50 USD/m);
    expect(observed.filter(({ kind }) => kind === "notification.tried")).toHaveLength(3);
  });

  test("goes to whom it concerns: by topic, by project, by tenant", async () => {
    await declareWatched(db.sql, {
      shop: { notify: [webhook({ about: ["budget"] }), { ...email, projects: ["store"] }] },
      bank: { notify: [webhook()] },
    });
    const anomaly = {
      kind: "anomaly.found",
      data: {
        day: "2026-05-09",
        amount: { amount: "9.00", currency: "USD" },
        usual: { amount: "1.00", currency: "USD" },
      },
    } as const;
    const found = (project: string): News => ({
      ...anomaly,
      about: project,
      tenant: "shop",
      project,
      at: new Date(start),
    });
    await tell(db.sql, found("store"));
    await tell(db.sql, found("lab"));
    await tell(db.sql, news("whole"));
    expect(await notifier.pass()).toBe(2);
    expect(got).toEqual([]);
    expect(mails.map((mail) => /^Subject: (.*)$/m.exec(mail)?.[1])).toEqual([
      "shop/store cost far more than usual on 2026-05-09",
      "Invoice INV-000001 of shop is paid: 12.50 USD",
    ]);
  });

  test("that a receiver refuses is tried again later under the same id, in order, and is dead after a day", async () => {
    await declareWatched(db.sql, { shop: { notify: [webhook()] } });
    answers = () => 500;
    await tell(db.sql, news("first"));
    await tell(db.sql, news("second"));
    await notifier.pass();
    expect(await states()).toEqual(["invoice.paid:second waiting 0", "invoice.paid:first waiting 1"]);
    expect(await notifier.pass()).toBe(0);
    for (let hour = 0; hour < 48; hour++) {
      clock.pass(3_600_000);
      await notifier.pass();
    }
    expect((await states()).map((state) => state.replace(/\d+$/, ""))).toEqual([
      "invoice.paid:second dead ",
      "invoice.paid:first dead ",
    ]);
    expect(new Set(got.map(({ headers }) => headers["webhook-id"])).size).toBe(2);
    answers = () => 204;
    got.length = 0;
    expect(await replayMessages(db.sql, { tenant: "bank", notification: null, now: new Date(clock.now()) })).toBe(0);
    expect(await replayMessages(db.sql, { tenant: "shop", notification: null, now: new Date(clock.now()) })).toBe(2);
    await notifier.pass();
    expect(got.map(({ body }) => JSON.parse(body).type)).toEqual(["invoice.paid", "invoice.paid"]);
    expect((await states()).every((state) => state.includes("delivered"))).toBe(true);
  });

  test("that one channel refuses is told to the others all the same; 410 ends it at once, and a redirect is no receipt", async () => {
    await declareWatched(db.sql, {
      shop: { notify: [webhook(), webhook({ url: `${base}/gone` } as Partial<ChannelSpec>), slack, email] },
    });
    answers = (path) => (path === "/gone" ? 410 : path === "/hook" ? 302 : 0);
    await tell(db.sql, news("a"));
    await notifier.pass();
    expect(mails).toHaveLength(1);
    expect((await states()).map((state) => state.split(" ")[1]).sort()).toEqual([
      "dead",
      "delivered",
      "waiting",
      "waiting",
    ]);
    expect(got.some(({ path }) => path === "/elsewhere")).toBe(false);
  });

  test("that nobody is to be told any more is dropped; what is declared later hears what comes later", async () => {
    await declareWatched(db.sql, { shop: { notify: [webhook()] } });
    answers = () => 500;
    await tell(db.sql, news("a"));
    await notifier.pass();
    await declareWatched(db.sql, { shop: { notify: [email] } });
    clock.pass(60_000);
    await notifier.pass();
    expect(await states()).toEqual(["invoice.paid:a dropped 2"]);
    await tell(db.sql, news("b"));
    await notifier.pass();
    expect(mails).toHaveLength(1);
  });

  test("goes on with another notifier when one died with a message in its hands", async () => {
    await declareWatched(db.sql, { shop: { notify: [webhook()] } });
    await tell(db.sql, news("a"));
    const dead = make();
    answers = () => 500;
    await dead.pass(); // makes the messages
    clock.pass(10_000);
    expect(await claimMessages(db.sql, { now: new Date(clock.now()), claimMs: 120_000, limit: 10 })).toHaveLength(1);
    answers = () => 204;
    expect(await notifier.pass()).toBe(0);
    clock.pass(121_000);
    expect(await notifier.pass()).toBe(1);
    expect((await states())[0]).toContain("delivered");
  });

  test("never asks an address inside the network that nobody allowed, and never keeps an address of Slack or a key", async () => {
    await declareWatched(db.sql, { shop: { notify: [webhook(), slack] } });
    await tell(db.sql, news("a"));
    await make([]).pass();
    expect(got).toEqual([]);
    const kept = JSON.stringify(await db.sql.query("select * from notification_messages"));
    expect(kept).toContain("waiting");
    expect(kept).not.toContain("very-secret");
    expect(kept).not.toContain(hookKey.toString("base64"));
    expect(JSON.stringify(observed)).not.toContain("very-secret");
  });

  test("waits for a secret that is missing or cannot sign", async () => {
    await declareWatched(db.sql, { shop: { notify: [webhook({ secret: "nowhere" } as Partial<ChannelSpec>)] } });
    await tell(db.sql, news("a"));
    await notifier.pass();
    expect(await states()).toEqual(["invoice.paid:a waiting 1"]);
    expect(got).toEqual([]);
  });

  test("of a test goes to its channel alone", async () => {
    await declareWatched(db.sql, { shop: { notify: [webhook({ about: ["budget"] }), email] } });
    const [hook] = channelsOf({ tenant: "shop", notify: [webhook()] });
    await tell(db.sql, {
      kind: "notify.test",
      about: "1",
      tenant: "shop",
      project: null,
      at: new Date(start),
      data: { channel: hook?.id ?? "", by: "ada" },
    });
    expect(await notifier.pass()).toBe(1);
    expect(got.map(({ path }) => path)).toEqual(["/hook"]);
  });
});
