import { expect, test } from "vitest";
import type { InvoiceToCheck } from "../../platform/store/index.ts";
import type { RemoteInvoice } from "../../platform/stripe/index.ts";
import { compare } from "./check.ts";

const ours = (more: Partial<InvoiceToCheck> = {}): InvoiceToCheck => ({
  ...{ id: "shop/2026-05/1", number: "INV-000001", status: "open", totalMicros: 12_340_000, currency: "USD" },
  ...{ reversed: false, via: null, remote: "in_1" },
  ...more,
});
const theirs = (more: Partial<RemoteInvoice> = {}): RemoteInvoice => ({
  ...{
    id: "in_1",
    status: "open",
    customer: "cus_1",
    currency: "USD",
    total: 1_234,
    paid: 0,
    paidElsewhere: 0,
    credited: 0,
  },
  ...{
    attempts: 0,
    payUrl: null,
    tags: { nebula_invoice: "shop/2026-05/1", nebula_number: "INV-000001" },
    createdAt: new Date(0),
  },
  ...more,
});
const what = (mine: readonly InvoiceToCheck[], other: readonly RemoteInvoice[]) =>
  compare(mine, other).map((one) => `${one.what}: ${one.ours} ${one.theirs}`);
const paid = { status: "paid", via: "stripe" } as const;
const paidThere = { status: "paid", paid: 1_234 } as const;

test("invoices that are the same in both have no differences", () => {
  expect(what([ours()], [theirs()])).toEqual([]);
  expect(what([ours(paid)], [theirs(paidThere)])).toEqual([]);
  expect(what([ours({ ...paid, reversed: true })], [theirs({ ...paidThere, credited: 1_234 })])).toEqual([]);
  expect(what([ours({ status: "void" })], [theirs({ status: "void" })])).toEqual([]);
  expect(what([ours({ status: "void", remote: "in_gone" })], [])).toEqual([]);
});

test("a unit, a currency, a state and money that did not go back are seen", () => {
  expect(what([ours()], [theirs({ total: 1_235 })])).toEqual(["amount: 1234 USD 1235 USD"]);
  expect(what([ours()], [theirs({ currency: "EUR" })])).toEqual(["amount: 1234 USD 1234 EUR"]);
  expect(what([ours()], [theirs(paidThere)])).toEqual(["state: open paid"]);
  expect(what([ours(paid)], [theirs()])).toEqual(["state: paid open"]);
  expect(what([ours({ ...paid, reversed: true })], [theirs(paidThere)])).toEqual(["credited: 1234 0"]);
  expect(what([ours(paid)], [theirs({ ...paidThere, paid: 2_468 })])).toEqual(["paid: 1234 2468"]);
});

test("what is in one of them alone is seen, but drafts and void ones there", () => {
  expect(what([ours()], [])).toEqual(["only here: open null"]);
  expect(what([], [theirs()])).toEqual(["only there: null in_1: 1234 USD"]);
  expect(what([], [theirs({ status: "draft" }), theirs({ status: "void" })])).toEqual([]);
});
