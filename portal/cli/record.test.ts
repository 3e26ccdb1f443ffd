import { expect, test } from "vitest";
import { describeRecord } from "./record.ts";

test("what a record holds stands under its name, and no line of it is JSON", () => {
  const lines = describeRecord({
    name: "orders",
    commit: null,
    retired: false,
    compute: { min: 0.25, enforced: true },
    spec: { storageBytes: 10 * 2 ** 30, backups: { retentionSeconds: 604_800 }, extensions: [], tags: {} },
    roles: [{ name: "app", login: true, grants: [{ role: "developer" }] }],
    allowFrom: ["10.0.0.0/8", "192.168.0.0/16"],
    estimate: { month: { amount: "12.30", currency: "EUR" } },
  });
  expect(lines).toEqual([
    "name                  orders",
    "commit                -",
    "retired               no",
    "compute",
    "  min                 0.25",
    "  enforced            yes",
    "spec",
    "  storageBytes        10 GiB",
    "  backups",
    "    retentionSeconds  604800 s",
    "  extensions          none",
    "  tags                none",
    "roles",
    "  - name: app, login: yes, grants: (role: developer)",
    "allowFrom             10.0.0.0/8, 192.168.0.0/16",
    "estimate",
    "  month               12.30 EUR",
  ]);
});
