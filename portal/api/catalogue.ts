import { z } from "zod";
import { engines, formatSizeBytes, namedSizes, placements, versions } from "../../platform/spec/index.ts";
import { listFleets } from "../../platform/store/index.ts";
import { json, route } from "./route.ts";
import { named } from "./schemas.ts";

const list = <S extends z.ZodType>(item: S) => z.strictObject({ items: z.array(item) });

/** What there is to choose from. */
export const catalogueRoutes = [
  route({
    method: "get",
    path: "/api/v1/versions",
    operationId: "versions.list",
    scope: "catalogue:read",
    target: "own",
    summary: "Engines and their versions, newest first",
    replies: {
      200: json(
        "The versions",
        list(
          named(
            "EngineVersions",
            "An engine and the versions it can be declared with.",
            z.strictObject({ engine: z.enum(engines), versions: z.array(z.string()) }),
          ),
        ),
      ),
    },
  }).handle(async () => ({
    status: 200,
    body: { items: engines.map((engine) => ({ engine, versions: [...versions[engine]] })) },
  })),

  route({
    method: "get",
    path: "/api/v1/sizes",
    operationId: "sizes.list",
    scope: "catalogue:read",
    target: "own",
    summary: "Named sizes: compute units and the storage that comes with them",
    replies: {
      200: json(
        "The sizes",
        list(
          named(
            "Size",
            "A compute unit is 1 vCPU and 2 GiB.",
            z.strictObject({ name: z.string(), units: z.number(), storage: z.string() }),
          ),
        ),
      ),
    },
  }).handle(async () => ({
    status: 200,
    body: {
      items: namedSizes.map(({ name, units, storageBytes }) => ({
        name,
        units,
        storage: formatSizeBytes(storageBytes),
      })),
    },
  })),

  route({
    method: "get",
    path: "/api/v1/providers",
    operationId: "providers.list",
    scope: "catalogue:read",
    target: "own",
    summary: "Where databases can run, as the fleet in force says",
    replies: {
      200: json(
        "The providers",
        list(
          named(
            "Provider",
            "A machine, a cluster or an account that runs databases.",
            z.strictObject({
              name: z.string(),
              placement: z.enum(placements),
              region: z.string(),
              engines: z.array(z.enum(engines)),
            }),
          ),
        ),
      ),
    },
  }).handle(async (_call, { sql }) => {
    const fleets = await listFleets(sql);
    const items = fleets.flatMap(({ fleet }) => fleet.providers);
    return {
      status: 200,
      body: {
        items: items.map(({ name, placement, region, engines: offered }) => ({
          name,
          placement,
          region,
          engines: [...offered],
        })),
      },
    };
  }),
];
