import { afterEach, expect, test } from "vitest";
import { type GatewayGround, makeGateway } from "./ground.ts";
import { makeLogin, withClient } from "./node-client.ts";

const password = "owner's pass/word ü";
let gateway: GatewayGround;
afterEach(() => gateway?.close());

const told = (promise: Promise<unknown>) =>
  promise.then(
    () => ({ code: "no error" }),
    (thrown: { code?: string; message?: string; hint?: string }) => thrown,
  );

test("a branch whose time is over answers who proves the password that it expired, and nobody else", async () => {
  gateway = await makeGateway({ wanted: { expiresAt: "2020-01-01T00:00:00.000Z" } });
  const login = makeLogin(gateway, password);
  const connect = (changes: object = {}) => told(withClient(login(changes), (client) => client.query("select 1")));
  expect(await connect()).toMatchObject({
    code: "3D000",
    message: expect.stringContaining("expired at 2020-01-01T00:00:00.000Z"),
    hint: expect.stringContaining("Extend its ttl"),
  });
  expect(await connect({ password: "wrong" })).toMatchObject({ code: "28P01" });
});

test("one that has time left lets in", async () => {
  gateway = await makeGateway({ wanted: { expiresAt: "2999-01-01T00:00:00.000Z" } });
  const login = makeLogin(gateway, password);
  expect(await told(withClient(login(), (client) => client.query("select 1")))).toEqual({ code: "no error" });
});
