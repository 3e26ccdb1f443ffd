import { expect, test } from "vitest";
import { declaredAs } from "./secret.ts";

test("a secret that was set says how a password and how what signs a data API's tokens is declared", () => {
  const text = declaredAs('secret("api-jwt")').join("\n");
  expect(text).toContain('password: secret("api-jwt")');
  expect(text).toContain('api: { jwt: [{ secret: secret("api-jwt") }] }');
});
