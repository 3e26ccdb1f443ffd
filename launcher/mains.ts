/** Which main processes a platform has, on which ports, and what each of them is told. */
import type { Ports } from "./ports.ts";

/** Which script. */
export type MainKind = "portal" | "reconciler" | "gateway";

export type Main = {
  /** Of its pid file and its log: portal, portal-2, reconciler, forge... */
  readonly name: string;
  readonly kind: MainKind;
  readonly port: number;
  readonly env: Readonly<Record<string, string>>;
};

/**
 * The most that the nursery grows to, in MB. What they allocate dies within a request, and a small one saves about 25 MB each. The
 * gateway's may grow under load: with 2 MB the collector took a sixth of its time.
 */
const nursery: Readonly<Record<MainKind, number>> = { portal: 4, reconciler: 4, gateway: 16 };

/** Of Node. */
export const flagsOf = (kind: MainKind): readonly string[] => [`--max-semi-space-size=${nursery[kind]}`];

/** Their ports end before N + 90, where the gateway's begin. */
export const mostReplicas = 40;

/**
 * N portals and N reconcilers, in the order in which they start. One of each keeps the ports that it always had; of several the forge
 * is a process of its own, so that no portal is more than the others. The second ones have N+4 and N+5, the third N+6 and N+7. There is
 * one gateway for a data folder, however many they are.
 */
export function planMains(ports: Ports, replicas: number): readonly Main[] {
  const gateway: Main = { name: "gateway", kind: "gateway", port: ports.gateway, env: {} };
  if (replicas === 1)
    return [
      { name: "portal", kind: "portal", port: ports.portal, env: {} },
      { name: "reconciler", kind: "reconciler", port: ports.reconciler, env: {} },
      gateway,
    ];
  const numbers = Array.from({ length: replicas }, (_, i) => i + 1);
  const at = (i: number, first: number, offset: number) => (i === 1 ? first : ports.portal + 2 * i + offset);
  const nameOf = (kind: MainKind, i: number) => (i === 1 ? kind : `${kind}-${i}`);
  return [
    { name: "forge", kind: "portal", port: ports.forge, env: { NEBULA_SERVE: "forge" } },
    ...numbers.map((i): Main => {
      const port = at(i, ports.portal, 0);
      const env = { NEBULA_SERVE: "api", NEBULA_API_PORT: String(port) };
      return { name: nameOf("portal", i), kind: "portal", port, env };
    }),
    ...numbers.map((i): Main => {
      const port = at(i, ports.reconciler, 1);
      const env = { NEBULA_REPLICA: String(i), NEBULA_WEB_PORT: String(port) };
      return { name: nameOf("reconciler", i), kind: "reconciler", port, env };
    }),
    gateway,
  ];
}

/** In the order in which they end: whoever works for others first. */
const endingOrder = ["gateway", "reconciler", "portal", "forge"];
const named = /^(gateway|reconciler|portal|forge)(?:-\d+)?\.pid$/;

/** Names of the mains whose pid files these are, in the order in which they end. */
export const mainsAmong = (files: readonly string[]): readonly string[] =>
  files
    .flatMap((file) => {
      const kind = named.exec(file)?.[1];
      return kind === undefined ? [] : [{ name: file.slice(0, -".pid".length), kind }];
    })
    .sort((a, b) => endingOrder.indexOf(a.kind) - endingOrder.indexOf(b.kind) || (a.name < b.name ? -1 : 1))
    .map(({ name }) => name);
