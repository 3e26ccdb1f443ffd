import { expect, it } from "vitest";
import { gatewayFields, gatewayNames, gatewayPorts, resolveConfig } from "./index.ts";

it("the gateway's ports follow the platform's first one where none is chosen", () => {
  expect(gatewayPorts(4400)).toEqual({ direct: 4490, pooled: 4491, web: 4492, api: 4493, files: 4494 });
  const chosen = resolveConfig({ NEBULA_POOL_PORT: "6432" }, gatewayFields);
  expect(gatewayPorts(4400, chosen)).toEqual({ direct: 4490, pooled: 6432, web: 4492, api: 4493, files: 4494 });
  expect(gatewayPorts(4400, { NEBULA_GATEWAY_WEB_PORT: 9000 }).web).toBe(9000);
});

it("names are separated by commas, and none is none", () => {
  expect(gatewayNames("")).toEqual([]);
  expect(gatewayNames("db.example.org, *.db.example.org,")).toEqual(["db.example.org", "*.db.example.org"]);
});
