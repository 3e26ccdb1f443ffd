import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { noteBillingProblem } from "../../platform/store/index.ts";
import { type Caller, startPortal, type TestPortal } from "../portal/harness.ts";
import { commit, declare, forget, may, prices, use } from "./ground.ts";

const run = promisify(execFile);
const cli = join(import.meta.dirname, "../../launcher/cli.ts");

let portal: TestPortal;
let admin: Caller;
let adminToken: string;
let member: Caller;
let home: string;

beforeAll(async () => {
  portal = await startPortal({ rules: "user=100000,key=100000,writes=100000" });
  adminToken = await portal.tokenFor("platform-admin");
  admin = portal.as(adminToken);
  member = portal.as(await portal.tokenFor("billing-viewer", "shop"));
  home = mkdtempSync(join(tmpdir(), "nebula-bills-"));
});
afterAll(async () => {
  await portal?.close();
  rmSync(home, { recursive: true, force: true });
});
beforeEach(async () => {
  await forget(portal.sql);
  await declare(portal.sql, {
    book: { ...prices, tenants: { shop: { billTo: { name: "Shop Inc.", address: ["1 Road"] } } } },
    tenants: ["shop", "bank"].map((tenant) => ({ tenant, plan: "standard" })),
  });
  await use(portal.sql, { hour: 1 }, { hour: 1, project: "lab" }, { hour: 1, tenant: "bank" });
});

const closeShop = () => admin.send("POST", "/api/v1/tenants/shop/invoices", { month: may.month });
const shop = "/api/v1/tenants/shop/invoices/INV-000001";

describe("the API", () => {
  test("goes from the draft to the closed month, once, and shows one figure everywhere", async () => {
    const draft = (await member.get(`/api/v1/usage/invoice?month=${may.month}`)).body;
    expect(draft).toMatchObject({ status: "draft", number: null, total: { amount: "0.24", currency: "USD" } });
    const closed = await closeShop();
    expect(closed).toMatchObject({ status: 201, body: { number: "INV-000001", status: "open", total: draft.total } });
    expect(closed.headers.get("location")).toBe(shop);
    expect(closed.body.lines).toEqual(draft.lines);
    expect(await closeShop()).toMatchObject({ status: 409, body: { code: "NEB541" } });
    expect((await member.get(shop)).body).toEqual({ ...closed.body, usageChanged: false });
    expect((await member.get("/api/v1/invoices")).body.items).toEqual([closed.body]);
    expect((await member.get(`/api/v1/usage/invoice?month=${may.month}`)).body).toEqual(closed.body);
    const now = new Date().toISOString().slice(0, 7);
    const open = await admin.send("POST", "/api/v1/tenants/shop/invoices", { month: now });
    expect(open).toMatchObject({ status: 409, body: { code: "NEB540" } });
    const nobody = await admin.send("POST", "/api/v1/tenants/nobody/invoices", { month: may.month });
    expect(nobody).toMatchObject({ status: 409, body: { code: "NEB547" } });
  });

  test("shows an invoice to who sees its tenant as a whole, and to nobody else", async () => {
    await closeShop();
    const stranger = portal.as(await portal.tokenFor("domain-admin", "bank"));
    expect(await stranger.get(shop)).toMatchObject({ status: 404, body: { code: "NEB602" } });
    expect((await stranger.get("/api/v1/invoices")).body.items).toEqual([]);
    expect(await stranger.get("/api/v1/tenants/bank/invoices/INV-000001")).toMatchObject({
      status: 404,
      body: { code: "NEB542" },
    });
    const ofLab = portal.as(await portal.tokenFor("developer", "shop", "lab"));
    expect(await ofLab.get(shop)).toMatchObject({ status: 403, body: { code: "NEB673" } });
    expect((await ofLab.get("/api/v1/invoices")).body.items).toEqual([]);
    const own = (await ofLab.get(`/api/v1/usage/invoice?month=${may.month}`)).body;
    expect(own).toMatchObject({ projects: ["lab"], total: { amount: "0.12" }, billTo: null });
    expect(own.lines.map(({ project }: { project: string }) => project)).toEqual(["lab"]);
    const viewer = portal.as(await portal.tokenFor("viewer", "shop"));
    expect(await viewer.get(shop)).toMatchObject({ status: 403, body: { code: "NEB662" } });
    for (const change of ["void", "payments"])
      expect(await member.send("POST", `${shop}/${change}`, {})).toMatchObject({
        status: 403,
        body: { code: "NEB662" },
      });
  });

  test("shows the key of one database what that database cost, and nothing of its neighbours", async () => {
    await use(portal.sql, { hour: 2, database: "carts", quantity: "7200" });
    const place = { tenant: "shop", project: "store", database: "orders" };
    const asked = { name: "of orders", role: "project-admin", scopes: ["usage:read"], ...place };
    const made = await admin.send("POST", "/api/v1/keys", asked);
    expect(made.status).toBe(201);
    const ofOrders = portal.as(made.body.key);
    const seen = (await ofOrders.get(`/api/v1/usage/invoice?month=${may.month}`)).body;
    expect(seen.lines.map(({ database }: { database: string }) => database)).toEqual(["orders"]);
    expect(seen.total.amount).toBe("0.12");
    const { rows } = (await ofOrders.get(`/api/v1/usage/export?month=${may.month}&format=focus-json`)).body;
    expect(rows.map((row: Record<string, string>) => row.ResourceName)).toEqual(["orders"]);
    const [spending] = (await ofOrders.get("/api/v1/spending")).body.items;
    expect(spending).toMatchObject({ total: null, projects: [], budgets: [] });
    expect((await ofOrders.get("/api/v1/invoices")).body.items).toEqual([]);
    expect((await ofOrders.get("/api/v1/savings")).body.items).toEqual([]);
    expect((await ofOrders.get("/api/v1/anomalies")).body.items).toEqual([]);
  });

  test("tells of what came after an invoice, and of months that could not be closed", async () => {
    await closeShop();
    await use(portal.sql, { hour: 7 });
    expect((await member.get(shop)).body).toMatchObject({ usageChanged: true, total: { amount: "0.24" } });
    const problem = { tenant: "bank", month: may.month, code: "NEB535", message: "no plan", at: new Date() };
    await noteBillingProblem(portal.sql, problem);
    expect((await admin.get("/api/v1/invoices/problems")).body.items).toMatchObject([
      { tenant: "bank", code: "NEB535" },
    ]);
    expect((await member.get("/api/v1/invoices/problems")).body.items).toEqual([]);
  });

  test("exports the month in every format, and all say the same", async () => {
    await closeShop();
    const ask = (format: string) => admin.get(`/api/v1/usage/export?domain=shop&month=${may.month}&format=${format}`);
    const { rows, focus } = (await ask("focus-json")).body;
    expect(focus).toBe("1.2");
    expect(rows.map((row: Record<string, string>) => [row.InvoiceId, row.BilledCost, row.x_Commits])).toEqual([
      ["INV-000001", "0.12", commit],
      ["INV-000001", "0.12", commit],
    ]);
    expect((await ask("focus-csv")).body.split("\r\n")).toHaveLength(4);
    const parquet = await ask("focus-parquet");
    expect(parquet.headers.get("content-type")).toContain("parquet");
    expect(parquet.body.slice(0, 4)).toBe("PAR1");
    expect((await ask("json")).body.invoices).toMatchObject([{ number: "INV-000001" }]);
    const both = (await admin.get(`/api/v1/usage/export?month=${may.month}&format=focus-json`)).body.rows;
    expect(both.map((row: Record<string, string>) => [row.BillingAccountId, row.InvoiceId])).toEqual([
      ["bank", null],
      ["shop", "INV-000001"],
      ["shop", "INV-000001"],
    ]);
  });

  test("gives the document as a page and as PDF", async () => {
    await closeShop();
    const pdf = await member.get(`${shop}/document`);
    expect(pdf.headers.get("content-type")).toBe("application/pdf");
    expect(pdf.body.slice(0, 5)).toBe("%PDF-");
    const page = await member.get(`${shop}/document?format=html`);
    expect(page.headers.get("content-disposition")).toContain("INV-000001.html");
    expect(page.body).toContain("Shop Inc.");
  });

  test("follows a line, reverses an invoice and notes a payment", async () => {
    await closeShop();
    const chain = (await member.get(`${shop}/lines/1`)).body;
    expect(chain).toMatchObject({
      line: { position: 1 },
      usage: [{ quantity: "3600" }],
      causes: [{ commit, pull: null }],
    });
    expect((await member.get(`${shop}/lines/99`)).body.code).toBe("NEB542");
    const note = await admin.send("POST", `${shop}/void`, { reason: "wrong" });
    expect(note).toMatchObject({
      status: 201,
      body: { number: "CN-000001", kind: "credit-note", total: { amount: "-0.24" } },
    });
    expect((await closeShop()).body).toMatchObject({ number: "INV-000002" });
    const pay = (body: object) => admin.send("POST", "/api/v1/tenants/shop/invoices/INV-000002/payments", body);
    expect((await pay({ reference: "r", amount: "0.23", currency: "USD" })).body.code).toBe("NEB544");
    expect((await pay({ reference: "r", amount: "0.24", currency: "USD" })).body.status).toBe("paid");
    expect((await pay({ reference: "r", amount: "-1", currency: "USD" })).status).toBe(422);
    expect((await admin.get("/api/v1/invoices?status=paid")).body.items).toHaveLength(2);
  });

  test("grants credits that the next invoice uses", async () => {
    const grant = (amount: string) => admin.send("POST", "/api/v1/tenants/shop/credits", { amount, reason: "sorry" });
    for (const amount of ["0", "0.00", "-1", "NaN", "1e3", "0.001", "1.005"])
      expect((await grant(amount)).status, amount).toBe(422);
    for (const reason of ["two\nlines", "\u001b[2J", "\u202e", "\ud800", " "])
      expect((await admin.send("POST", "/api/v1/tenants/shop/credits", { amount: "1", reason })).status).toBe(422);
    const odd = { amount: "1", reason: "x", expiresAt: "2020-01-01T00:00:00Z" };
    expect((await admin.send("POST", "/api/v1/tenants/shop/credits", odd)).status).toBe(422);
    const nobody = await admin.send("POST", "/api/v1/tenants/nobody/credits", { amount: "1", reason: "x" });
    expect(nobody).toMatchObject({ status: 404, body: { code: "NEB602" } });
    expect((await grant("0.10")).body).toMatchObject({ remaining: { amount: "0.10", currency: "USD" } });
    // Granted now: it is not there for a month that is long over.
    expect((await closeShop()).body.creditMicros).toBe(0);
    expect((await member.get("/api/v1/tenants/shop/credits")).body.items).toMatchObject([
      { remaining: { amount: "0.10" } },
    ]);
  });
});

describe("the command line", () => {
  const nebula = (...words: string[]) =>
    run(process.execPath, [cli, ...words], {
      env: {
        ...process.env,
        NEBULA_URL: portal.url,
        NEBULA_TOKEN: adminToken,
        NEBULA_DATA: home,
        NODE_NO_WARNINGS: "1",
      },
      cwd: home,
    });

  test("closes, lists, shows, explains, downloads and exports", { timeout: 240_000 }, async () => {
    expect((await nebula("invoice", "close", "--tenant", "shop", "--month", may.month)).stdout).toContain(
      "total 0.24 USD",
    );
    expect((await nebula("invoice")).stdout).toMatch(/INV-000001\s+shop\s+2024-05\s+open\s+0\.24 USD/);
    const explained = (await nebula("explain-bill", "inv-000001", "1")).stdout;
    for (const word of ["line", "amount", "prices", "usage", "commit", "pull"])
      expect(explained).toMatch(new RegExp(`^${word}`, "m"));
    await nebula("invoice", "download", "INV-000001");
    expect(readFileSync(join(home, "INV-000001.pdf")).subarray(0, 5).toString()).toBe("%PDF-");
    await nebula("usage", "export", "--month", may.month, "--format", "focus-parquet", "--to", "may.parquet");
    expect(readFileSync(join(home, "may.parquet")).subarray(-4).toString()).toBe("PAR1");
    const failed = await nebula("invoice", "show", "INV-000099").catch((thrown) => thrown);
    expect(failed).toMatchObject({ code: 4, stderr: expect.stringContaining("there is no invoice") });
  });
});
