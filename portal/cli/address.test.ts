import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, expect, test } from "vitest";
import { partsOf, resolveDatabase, resolveNewDatabase } from "./address.ts";
import { type Client, makeClient } from "./client.ts";
import { exitCodes } from "./failure.ts";

const projects = [
  { domain: "acme", name: "shop", databases: ["carts", "orders"] },
  { domain: "lab", name: "shop", databases: ["orders"] },
];
let server: Server;
let client: Client;
beforeAll(async () => {
  server = createServer((_, response) => void response.end(JSON.stringify({ items: projects })));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  client = makeClient({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, token: "" });
});
afterAll(() => server.close());

test("a database is named with slashes or with dots, whole or by its shortest ending", async () => {
  const carts = { domain: "acme", project: "shop", database: "carts" };
  for (const text of ["acme/shop/carts", "acme.shop.carts", "shop/carts", "shop.carts", "carts"])
    expect(await resolveDatabase(client, text)).toEqual(carts);
  expect(await resolveNewDatabase(client, "acme.shop.new")).toEqual({ ...carts, database: "new" });
  expect(partsOf("acme.shop")).toEqual(["acme", "shop"]);
});

test("what is no database's address is refused with a code, and what it is instead", async () => {
  await expect(resolveDatabase(client, "acme.shop.nope.x")).rejects.toMatchObject({ code: "NEB601" });
  await expect(resolveDatabase(client, "orders")).rejects.toMatchObject({
    ...{ code: "NEB601", exitCode: exitCodes.usage, message: expect.stringContaining("lab/shop/orders") },
  });
  await expect(resolveDatabase(client, "shop.nope")).rejects.toMatchObject({
    ...{ code: "NEB602", exitCode: exitCodes.notFound, message: "there is no database shop.nope" },
  });
  await expect(resolveNewDatabase(client, "carts")).rejects.toMatchObject({ code: "NEB601" });
});
