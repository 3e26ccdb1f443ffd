import { defineError } from "../../platform/core/index.ts";

export const lookRefused = defineError({
  code: "NEB470",
  status: 401,
  title: "A look at a database was asked for without this installation's word",
  retry: false,
  hint: "Only portals of the same installation ask a reconciler for figures; people ask the portal.",
});

export const nothingToLookAt = defineError({
  code: "NEB471",
  status: 404,
  title: "There is no such database on this machine",
  retry: false,
  hint: "Figures of databases elsewhere come from where they run.",
});
