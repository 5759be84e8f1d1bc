// Which work keeps a channel group on the GPU through a gap of its process?
#include <cuda.h>
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <random>
#include <string>
#include <vector>
#include <thread>
#include <atomic>
#define TRY(x) do { CUresult r=(x); if(r!=CUDA_SUCCESS){ if(!errors++){const char*n;cuGetErrorName(r,&n);printf("%s: %s\n",#x,n);fflush(stdout);} } } while(0)
static int errors=0;
#define OK(x) do { CUresult r=(x); if(r!=CUDA_SUCCESS){const char*nm;cuGetErrorName(r,&nm);printf("%s: %s\n",#x,nm);fflush(stdout);exit(1);} } while(0)
using Clock=std::chrono::steady_clock;
static double us(){return std::chrono::duration<double,std::micro>(Clock::now().time_since_epoch()).count();}
static void spin(double until){while(us()<until){}}
extern "C" __global__ void burn(long long ns){ long long t; asm volatile("mov.u64 %0,%globaltimer;":"=l"(t)); long long b=t; while(t-b<ns) asm volatile("mov.u64 %0,%globaltimer;":"=l"(t)); }
extern "C" __global__ void empty(){}
extern "C" __global__ void hold(volatile unsigned* w, unsigned ticket, unsigned long long limit){ unsigned long long b,t; asm volatile("mov.u64 %0,%globaltimer;":"=l"(b)); for(;;){ if((int)(w[0]-ticket)>=0) return; asm volatile("mov.u64 %0,%globaltimer;":"=l"(t)); if(t-b>limit) return; __nanosleep(500);} }
static std::atomic<long> launched{0};
int main(int argc,char**argv){
  OK(cuInit(0)); CUdevice dev; OK(cuDeviceGet(&dev,0)); CUcontext ctx; OK(cuDevicePrimaryCtxRetain(&ctx,dev)); OK(cuCtxSetCurrent(ctx));
  CUstream s,h; OK(cuStreamCreate(&s,CU_STREAM_NON_BLOCKING)); int lo,hi; OK(cuCtxGetStreamPriorityRange(&lo,&hi)); OK(cuStreamCreateWithPriority(&h,CU_STREAM_NON_BLOCKING,hi));
  unsigned* w; OK(cuMemHostAlloc((void**)&w,4096,CU_MEMHOSTALLOC_DEVICEMAP|CU_MEMHOSTALLOC_PORTABLE)); memset(w,0,4096); CUdeviceptr wd; OK(cuMemHostGetDevicePointer(&wd,w,0));
  CUdeviceptr dm; OK(cuMemAlloc(&dm,4096));
  // request: a graph of 20 kernels of 30 us
  cudaGraph_t cg; cudaGraphExec_t ce; cudaStreamBeginCapture((cudaStream_t)s,cudaStreamCaptureModeThreadLocal); for(int i=0;i<20;i++) burn<<<132,128,0,(cudaStream_t)s>>>(26000); cudaStreamEndCapture((cudaStream_t)s,&cg); cudaGraphInstantiate(&ce,cg,0);
  cudaGraph_t eg; cudaGraphExec_t ee; cudaStreamBeginCapture((cudaStream_t)h,cudaStreamCaptureModeThreadLocal); for(int i=0;i<300;i++) empty<<<1,32,0,(cudaStream_t)h>>>(); cudaStreamEndCapture((cudaStream_t)h,&eg); cudaGraphInstantiate(&ee,eg,0);
  empty<<<1,1,0,(cudaStream_t)h>>>(); hold<<<1,1,0,(cudaStream_t)h>>>(w,0,1000); OK(cuCtxSynchronize());
  std::vector<CUstreamBatchMemOpParams> ops(64); 
  auto fill=[&](CUdeviceptr a,unsigned f){ for(auto&o:ops){ memset(&o,0,sizeof o); o.operation=CU_STREAM_MEM_OP_WRITE_VALUE_32; o.writeValue.address=a; o.writeValue.value=1; o.writeValue.flags=f; } };
  auto timed=[&](const char*n,auto f){ f(); cuStreamSynchronize(h); double best=1e9,cpu=1e9; for(int i=0;i<10;i++){ double b=us(); f(); double m=us(); cuStreamSynchronize(h); best=std::min(best,us()-b); cpu=std::min(cpu,m-b);} printf("%s: %.0f us, cpu %.0f us\n",n,best,cpu); };
  fill(wd+256,0); timed("256 host writes, no barrier",[&]{TRY(cuStreamBatchMemOp(h,64,ops.data(),0));});
  fill(wd+256,0); timed("256 host writes, barrier",[&]{TRY(cuStreamBatchMemOp(h,64,ops.data(),0));});
  fill(dm,0); timed("256 device writes, no barrier",[&]{TRY(cuStreamBatchMemOp(h,64,ops.data(),0));});
  timed("graph of 300 empty kernels",[&]{cudaGraphLaunch(ee,(cudaStream_t)h);});
  timed("request",[&]{cudaGraphLaunch(ce,(cudaStream_t)h);});
  CUstream t3; unsigned ticket=0; std::mt19937 rng(1); bool mps=argc>1;
  const char* names[]={"nothing","hold","hold + write","hold + write nobarrier","hold + 64 empty","hold + 300 empty (graph)","128 host writes x4","128 host writes barrier x2","hold + 128 host writes","hold + event + wait in 3rd stream","hold + hold","300 empty (graph)","thread launches empty","thread launches empty, and hold","hold + cooperative","thread writes values"};
  std::atomic<int> mode{0}; std::thread helper([&]{ cuCtxSetCurrent(ctx); for(;;){ int m=mode.load(); if(m<0) return; if(m==0) continue; if(m==1) empty<<<1,1,0,(cudaStream_t)h>>>(); else cuStreamWriteValue32(h,wd+1024,1,0); launched++; } });
 OK(cuStreamCreateWithPriority(&t3,CU_STREAM_NON_BLOCKING,hi)); CUevent ev; OK(cuEventCreate(&ev,CU_EVENT_DISABLE_TIMING));
  double give_up=us()+atof(argc>1?argv[1]:"60")*1e6;
  for(int v=0;v<16 && us()<give_up;v++) for(int late=1; late<2; ++late){ launched=0; errors=0;
    std::vector<double> first,next; double end=us()+1.0e6; 
    while(us()<end){
      bool held=false;
      for(int k=0;k<4;k++){
        double b=us(); cudaGraphLaunch(ce,(cudaStream_t)s);
        bool batch = v==6||v==7||v==11; bool thread = v==12||v==13||v==15;
        if(v&&(!held||batch)){ if(late) spin(b+ (k?100:400)); 
          if(thread) mode = v==15?2:1; if(!batch && v!=12 && v!=15){ ++ticket; CUstream hs = v==13 ? t3 : h; hold<<<1,1,0,(cudaStream_t)hs>>>(w,ticket,4000000ull); }
          switch(v){
            case 2: TRY(cuStreamWriteValue32(h,wd+512,ticket,0)); break;
            case 3: TRY(cuStreamWriteValue32(h,wd+512,ticket,0)); break;
            case 4: for(int i=0;i<64;i++) empty<<<1,1,0,(cudaStream_t)h>>>(); break;
            case 5: cudaGraphLaunch(ee,(cudaStream_t)h); break;
            case 6: fill(wd+256,0); for(int i=0;i<4;i++) TRY(cuStreamBatchMemOp(h,64,ops.data(),0)); break;
            case 7: fill(wd+256,0); for(int i=0;i<2;i++) TRY(cuStreamBatchMemOp(h,64,ops.data(),0)); break;
            case 14: { void* none[1]; cudaLaunchCooperativeKernel((void*)empty,1,32,none,0,(cudaStream_t)h); break; }
            case 8: fill(wd+256,0); TRY(cuStreamBatchMemOp(h,64,ops.data(),0)); break;
            case 9: OK(cuEventRecord(ev,h)); OK(cuStreamWaitEvent(t3,ev,0)); empty<<<1,1,0,(cudaStream_t)t3>>>(); break;
            case 10: hold<<<1,1,0,(cudaStream_t)h>>>(w,ticket,4000000ull); break;
            case 11: cudaGraphLaunch(ee,(cudaStream_t)h); break;
          }
          held=true; }
        OK(cuStreamSynchronize(s)); double e=us(); (k?next:first).push_back(e-b);
        if(k<3) spin(e+80);
      }
      mode=0; ((volatile unsigned*)w)[0]=ticket; 
      std::this_thread::sleep_for(std::chrono::microseconds(1500+rng()%2000));
    }
    OK(cuStreamSynchronize(h));
    auto q=[](std::vector<double>&x,double p){std::sort(x.begin(),x.end());return x[(size_t)(p*(x.size()-1))];};
    printf("%-34s %-5s first p50 %5.0f p90 %5.0f | next p10 %5.0f p50 %5.0f p90 %5.0f p99 %5.0f us  n %zu launched %ld\n",names[v],late?"late":"early",q(first,.5),q(first,.9),q(next,.1),q(next,.5),q(next,.9),q(next,.99),next.size(),launched.load()); fflush(stdout);
  }
  mode=-1; helper.join();
}
