import { defineError } from "../core/index.ts";

export const databaseHeld = defineError({
  code: "NEB572",
  status: 409,
  title: "Databases are held because of money",
  retry: false,
  hint: "`nebula budget` shows which hold. Raise the budget in tenant.ts, pay what is overdue, or ask a platform administrator to lift it.",
});

export const noHold = defineError({
  code: "NEB573",
  status: 404,
  title: "No such hold in force",
  retry: false,
  hint: "`nebula budget holds` lists the holds of a tenant with their names.",
});
