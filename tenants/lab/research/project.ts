import { project } from "@nebuladb/platform";

export default project({ placement: "local" });
