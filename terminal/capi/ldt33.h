/* The standard terminal functions of LD/T 33 as a C library (docs/ldt33.md).
 *
 * Strings are GBK and end with a zero byte; fields end with '|'. 0 is done, below zero an error: a library code, or minus
 * the card's status word. pOutInfo must have room for the number of bytes above each function, its zero byte included;
 * nothing is ever written beyond that. On an error it holds an empty string.
 *
 * The library talks to the local service (`onecard ldt33 serve`), whose token file it finds by the environment variable
 * ONECARD_LDT33, else at %LOCALAPPDATA%\onecard\ldt33.token, else at $HOME/.onecard/ldt33.token.
 */
#ifndef ONECARD_LDT33_H
#define ONECARD_LDT33_H

#ifdef _WIN32
#define LDT33_CALL __stdcall
#define LDT33_API
#else
#define LDT33_CALL
#define LDT33_API __attribute__((visibility("default")))
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* 1024 bytes */
LDT33_API long LDT33_CALL iReadCardBas(int iType, char *pOutInfo);

/* 256 bytes */
LDT33_API long LDT33_CALL iReadCardBas_HSM_Step1(int iType, char *pOutInfo);

/* 1024 bytes */
LDT33_API long LDT33_CALL iReadCardBas_HSM_Step2(char *pKey, char *pOutInfo);

/* 4096 bytes */
LDT33_API long LDT33_CALL iReadCard(int iType, int iAuthType, char *pCardInfo, char *pFileAddr, char *pOutInfo);

/* 256 bytes */
LDT33_API long LDT33_CALL iReadCard_HSM_Step1(int iType, char *pCardInfo, char *pFileAddr, char *pOutInfo);

/* 4096 bytes */
LDT33_API long LDT33_CALL iReadCard_HSM_Step2(char *pKey, char *pOutInfo);

/* 256 bytes */
LDT33_API long LDT33_CALL iWriteCard(int iType, char *pCardInfo, char *pFileAddr, char *pWriteData, char *pOutInfo);

/* 256 bytes */
LDT33_API long LDT33_CALL iWriteCard_HSM_Step1(int iType, char *pCardInfo, char *pFileAddr, char *pOutInfo);

/* 256 bytes */
LDT33_API long LDT33_CALL iWriteCard_HSM_Step2(char *pKey, char *pWriteData, char *pOutInfo);

/* 256 bytes */
LDT33_API long LDT33_CALL iVerifyPIN(int iType, char *pOutInfo);

/* 256 bytes */
LDT33_API long LDT33_CALL iChangePIN(int iType, char *pOutInfo);

/* 256 bytes */
LDT33_API long LDT33_CALL iReloadPIN(int iType, char *pCardInfo, char *pOutInfo);

/* 256 bytes */
LDT33_API long LDT33_CALL iReloadPIN_HSM_Step1(int iType, char *pCardInfo, char *pOutInfo);

/* 256 bytes */
LDT33_API long LDT33_CALL iReloadPIN_HSM_Step2(char *pKey, char *pOutInfo);

/* 256 bytes */
LDT33_API long LDT33_CALL iReloadPIN_HSM_Step3(char *pKey, char *pOutInfo);

/* 256 bytes */
LDT33_API long LDT33_CALL iUnblockPIN(int iType, char *pCardInfo, char *pOutInfo);

/* 256 bytes */
LDT33_API long LDT33_CALL iUnblockPIN_HSM_Step1(int iType, char *pCardInfo, char *pOutInfo);

/* 256 bytes */
LDT33_API long LDT33_CALL iUnblockPIN_HSM_Step2(char *pKey, char *pOutInfo);

/* 256 bytes */
LDT33_API long LDT33_CALL iUnblockPIN_HSM_Step3(char *pKey, char *pOutInfo);

/* 256 bytes, declared form */
LDT33_API long LDT33_CALL iDoDebit(int iType, char *pCardInfo, char *pPayInfo, char *pOutInfo);

/* 256 bytes, declared form */
LDT33_API long LDT33_CALL iDoDebit_HSM_Step1(int iType, char *pCardInfo, char *pPayInfo, char *pOutInfo);

/* 256 bytes, declared form */
LDT33_API long LDT33_CALL iDoDebit_HSM_Step2(char *pKey, char *pOutInfo);

/* 4096 bytes, declared form */
LDT33_API long LDT33_CALL iReadDebitRecord(int iType, char *pOutInfo);

/* 256 bytes, declared form */
LDT33_API long LDT33_CALL PKI_SignData(char *pUserPin, char *pInData, int iType, char *pOutInfo);

/* 256 bytes, declared form */
LDT33_API long LDT33_CALL PKI_VerifySign(char *pUserPin, char *pCert, char *pClearText, char *pSignature, int iType, char *pOutInfo);

/* 4096 bytes, declared form */
LDT33_API long LDT33_CALL PKI_EncryptEnvelope(char *pUserPin, char *pCert, char *pInData, int iType, char *pOutInfo);

/* 4096 bytes, declared form */
LDT33_API long LDT33_CALL PKI_DecryptEnvelope(char *pUserPin, char *pInData, int iType, char *pOutInfo);

#ifdef __cplusplus
}
#endif

#endif
