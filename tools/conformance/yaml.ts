/** The door to yaml. */
export { parse as parseYaml } from 'yaml'
