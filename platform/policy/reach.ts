import type { ProjectSpec } from "../spec/index.ts";
import { unreachableNetwork } from "./errors.ts";
import { finding, type PolicyFinding } from "./findings.ts";

/**
 * An allow-list that lets nobody in, because the gateway of this installation listens on its own machine only. A warning: the
 * declaration is right, and whoever runs the installation may open the gateway later. Pure.
 * @param gatewayHost the address that the gateway of the local placement binds to.
 */
export function checkReach({ placement, databases }: ProjectSpec, gatewayHost: string): PolicyFinding[] {
  if (placement !== "local" || !staysInside(gatewayHost)) return [];
  return databases.flatMap(({ name, allowFrom, retire }) => {
    const beyond = retire ? [] : allowFrom.filter((block) => !staysInside(block));
    if (beyond.length === 0) return [];
    const message = `${name} lets ${beyond.join(", ")} connect, and the gateway listens on ${gatewayHost} only: nobody comes in from there`;
    return [finding(unreachableNetwork, name, message, { severity: "warn" })];
  });
}

/** Whether an address or a block means this machine alone. */
export const staysInside = (address: string): boolean => /^(127\.|localhost$|::1(\/128)?$)/.test(address);
