/** Something that keeps a DLB device from being used, and how to fix it. */
export interface Problem {
  readonly about: 'platform' | 'addon' | 'driver' | 'device-file' | 'folder' | 'library' | 'device' | 'resources'
  readonly problem: string
  readonly fix: string
}
