import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { makeMailer } from "./mailer.ts";

const folder = mkdtempSync(join(tmpdir(), "ndb-mail-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test.each([
  ["NebulaDB <bills@nebula.example>", "<invoice.finalized_shop_2024-05_1@nebula.example>"],
  ["bills@nebula.example", "<invoice.finalized_shop_2024-05_1@nebula.example>"],
])("a mail from %s has the same Message-ID on every machine", async (from, id) => {
  const mailer = makeMailer({ url: undefined, from, folder });
  await mailer.send({ id: "invoice.finalized:shop/2024-05/1", to: "ops@shop.example", subject: "x", text: "y" });
  const [file = ""] = readdirSync(folder);
  expect(readFileSync(join(folder, file), "utf8")).toContain(`Message-ID: ${id}`);
  rmSync(join(folder, file));
});
