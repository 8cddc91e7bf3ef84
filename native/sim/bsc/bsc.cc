// A library of the same file name, the Barcelona Supercomputing Center's DLB, with just enough of
// it to be mistaken for libdlb: a loader has to see that this is not Intel's.
extern "C" {

__attribute__((visibility("default"))) int DLB_Init(int cpus, const void* mask, const char* arguments);
__attribute__((visibility("default"))) int DLB_Finalize();

int DLB_Init(int, const void*, const char*) { return 0; }

int DLB_Finalize() { return 0; }
}
