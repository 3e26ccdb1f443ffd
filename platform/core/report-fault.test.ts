import { expect, it } from "vitest";
import { badConfig, type Observation, reportFault } from "./index.ts";

it("a fault of ours keeps its code, and anything else that is thrown gets one", () => {
  const told: Observation[] = [];
  const observe = (observation: Observation) => void told.push(observation);
  reportFault(observe, "usage.pass", badConfig("NEBULA_PORT is not set"));
  reportFault(observe, "usage.look", new Error("no answer"), "acme.shop.carts");
  expect(told).toEqual([
    { kind: "fault", where: "usage.pass", code: "NEB901", message: "NEBULA_PORT is not set" },
    { kind: "fault", where: "usage.look", code: "NEB900", message: expect.stringMatching(/^acme\.shop\.carts: /) },
  ]);
});
