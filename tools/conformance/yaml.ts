/** The door to yaml. */
export { parse as parseYaml, stringify as renderYaml } from 'yaml'
