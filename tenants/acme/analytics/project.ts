import { project } from "@nebuladb/platform";

/** Numbers about the shop. It asks for less than the plan grants, so that an experiment cannot grow without a review. */
export default project({
  placement: "local",
  quota: { cpu: 4, memory: "8Gi", storage: "60Gi", databases: 3 },
});
