/** A folder of src/ with more source files than a reader can hold in mind has a subject of its own inside that wants a folder. */
import { globSync } from 'node:fs'
import { dirname } from 'node:path'

const FILES_MAX = 12

export function checkFolderSizes(): readonly string[] {
  const sources = globSync('src/**/*.ts').filter((file) => !/\.(test|contract|d)\.ts$/.test(file))
  return [...Map.groupBy(sources, dirname)]
    .filter(([, files]) => files.length > FILES_MAX)
    .map(
      ([folder, files]) =>
        `${folder} has ${files.length} source files; at most ${FILES_MAX}: group some by their subject`,
    )
}
